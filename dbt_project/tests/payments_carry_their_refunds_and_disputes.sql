-- Each payment's sums and counts are those of its own refunds and disputes, zero where it has none, and its net is what is left.
with parts as (
    select payment_id, amount_minor as refunded_minor, 1 as refunds, 0 as disputed_minor, 0 as lost_minor, 0 as disputes, 0 as frauds
    from {{ ref('fct_refunds') }}
    where status = 'succeeded'
    union all
    select
        payment_id,
        0,
        0,
        amount_minor,
        case when status = 'lost' then amount_minor else 0 end,
        1,
        case when reason = 'fraudulent' then 1 else 0 end
    from {{ ref('fct_disputes') }}
),

sums as (
    select
        payment_id,
        sum(refunded_minor) as refunded_minor,
        sum(refunds) as refunds,
        sum(disputed_minor) as disputed_minor,
        sum(lost_minor) as lost_minor,
        sum(disputes) as disputes,
        sum(frauds) as frauds
    from parts
    group by payment_id
)

select
    payments.payment_id,
    payments.refunded_minor,
    sums.refunded_minor as refunds_minor,
    payments.disputed_minor,
    sums.disputed_minor as disputes_minor,
    payments.net_minor
from {{ ref('fct_payments') }} as payments
left join sums on payments.payment_id = sums.payment_id
where not (
    payments.refunded_minor <=> coalesce(sums.refunded_minor, 0)
    and payments.refund_count <=> coalesce(sums.refunds, 0)
    and payments.disputed_minor <=> coalesce(sums.disputed_minor, 0)
    and payments.dispute_lost_minor <=> coalesce(sums.lost_minor, 0)
    and payments.dispute_count <=> coalesce(sums.disputes, 0)
    and payments.is_fraud_disputed <=> (coalesce(sums.frauds, 0) > 0)
    and payments.captured_minor <=> case when payments.is_captured then payments.amount_minor else 0 end
    and payments.net_minor
    <=> payments.captured_minor - payments.fee_minor - payments.refunded_minor - payments.dispute_lost_minor
)
