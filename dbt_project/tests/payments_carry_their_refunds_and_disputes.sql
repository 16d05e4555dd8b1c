-- Each payment's sums are those of its own refunds and disputes, and its net is what is left.
with parts as (
    select payment_id, amount_minor as refunded_minor, 0 as disputed_minor, 0 as dispute_lost_minor
    from {{ ref('fct_refunds') }}
    where status = 'succeeded'
    union all
    select payment_id, 0, amount_minor, case when status = 'lost' then amount_minor else 0 end
    from {{ ref('fct_disputes') }}
),

sums as (
    select
        payment_id,
        sum(refunded_minor) as refunded_minor,
        sum(disputed_minor) as disputed_minor,
        sum(dispute_lost_minor) as dispute_lost_minor
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
where payments.refunded_minor <> coalesce(sums.refunded_minor, 0)
   or payments.disputed_minor <> coalesce(sums.disputed_minor, 0)
   or payments.dispute_lost_minor <> coalesce(sums.dispute_lost_minor, 0)
   or payments.captured_minor <> case when payments.is_captured then payments.amount_minor else 0 end
   or payments.net_minor
   <> payments.captured_minor - payments.fee_minor - payments.refunded_minor - payments.dispute_lost_minor
