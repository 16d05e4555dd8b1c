-- Accounting identity: summed over all days and merchants, each currency's measures are those of the facts.
with days as (
    select
        currency_code,
        sum(captured_count) as captured_count,
        sum(revenue_minor) as revenue_minor,
        sum(fee_minor) as fee_minor,
        sum(refunded_minor) as refunded_minor,
        sum(dispute_lost_minor) as dispute_lost_minor,
        sum(net_minor) as net_minor
    from {{ ref('agg_daily_merchant_revenue') }}
    group by currency_code
),

facts as (
    select currency_code, 1 as captured_count, captured_minor as revenue_minor, fee_minor, 0 as refunded_minor, 0 as lost_minor
    from {{ ref('fct_payments') }}
    where is_captured
    union all
    select currency_code, 0, 0, 0, amount_minor, 0
    from {{ ref('fct_refunds') }}
    where status = 'succeeded'
    union all
    select currency_code, 0, 0, 0, 0, amount_minor
    from {{ ref('fct_disputes') }}
    where status = 'lost'
),

sums as (
    select
        currency_code,
        sum(captured_count) as captured_count,
        sum(revenue_minor) as revenue_minor,
        sum(fee_minor) as fee_minor,
        sum(refunded_minor) as refunded_minor,
        sum(lost_minor) as dispute_lost_minor
    from facts
    group by currency_code
)

select
    coalesce(days.currency_code, sums.currency_code) as currency_code,
    days.revenue_minor as days_revenue_minor,
    sums.revenue_minor as facts_revenue_minor,
    days.net_minor as days_net_minor,
    sums.revenue_minor - sums.fee_minor - sums.refunded_minor - sums.dispute_lost_minor as facts_net_minor
from days
full outer join sums on days.currency_code = sums.currency_code
where not (
    days.captured_count <=> sums.captured_count
    and days.revenue_minor <=> sums.revenue_minor
    and days.fee_minor <=> sums.fee_minor
    and days.refunded_minor <=> sums.refunded_minor
    and days.dispute_lost_minor <=> sums.dispute_lost_minor
    and days.net_minor <=> sums.revenue_minor - sums.fee_minor - sums.refunded_minor - sums.dispute_lost_minor
)
