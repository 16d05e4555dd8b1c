{# Rendered from catalog/metrics.yml by `lakehouse tables render`. Do not edit. #}
-- Each cube, summed up, is its facts, per currency; each of its rates is the quotient that it says.
select 'agg_daily_merchant_revenue' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select currency_code, sum(captured_count) as captured_count, sum(revenue_minor) as revenue_minor, sum(fee_minor) as fee_minor, sum(refunded_minor) as refunded_minor, sum(dispute_lost_minor) as dispute_lost_minor, sum(net_minor) as net_minor, case when count(*) = count(revenue_reporting_minor) then sum(revenue_reporting_minor) end as revenue_reporting_minor, case when count(*) = count(fee_reporting_minor) then sum(fee_reporting_minor) end as fee_reporting_minor, case when count(*) = count(refunded_reporting_minor) then sum(refunded_reporting_minor) end as refunded_reporting_minor, case when count(*) = count(dispute_lost_reporting_minor) then sum(dispute_lost_reporting_minor) end as dispute_lost_reporting_minor, case when count(*) = count(net_reporting_minor) then sum(net_reporting_minor) end as net_reporting_minor
    from {{ ref('agg_daily_merchant_revenue') }} group by currency_code
) as inside
full outer join (
    select currency_code, sum(case when is_captured then 1 else 0 end) as captured_count, sum(captured_minor) as revenue_minor, sum(fee_minor) as fee_minor, sum(refunded_minor) as refunded_minor, sum(dispute_lost_minor) as dispute_lost_minor, sum(captured_minor) - sum(fee_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as net_minor, case when count(*) = count(captured_reporting_minor) then sum(captured_reporting_minor) end as revenue_reporting_minor, case when count(*) = count(fee_reporting_minor) then sum(fee_reporting_minor) end as fee_reporting_minor, case when count(*) = count(refunded_reporting_minor) then sum(refunded_reporting_minor) end as refunded_reporting_minor, case when count(*) = count(dispute_lost_reporting_minor) then sum(dispute_lost_reporting_minor) end as dispute_lost_reporting_minor, case when count(*) = count(net_reporting_minor) then sum(net_reporting_minor) end as net_reporting_minor
    from {{ ref('int_movements') }} group by currency_code
) as outside on inside.currency_code <=> outside.currency_code
where not (inside.captured_count <=> outside.captured_count and inside.revenue_minor <=> outside.revenue_minor and inside.fee_minor <=> outside.fee_minor and inside.refunded_minor <=> outside.refunded_minor and inside.dispute_lost_minor <=> outside.dispute_lost_minor and inside.net_minor <=> outside.net_minor and inside.revenue_reporting_minor <=> outside.revenue_reporting_minor and inside.fee_reporting_minor <=> outside.fee_reporting_minor and inside.refunded_reporting_minor <=> outside.refunded_reporting_minor and inside.dispute_lost_reporting_minor <=> outside.dispute_lost_reporting_minor and inside.net_reporting_minor <=> outside.net_reporting_minor)
union all
select 'agg_hourly_payments' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select currency_code, sum(requested_count) as requested_count, sum(requested_minor) as requested_minor, sum(captured_count) as captured_count, sum(revenue_minor) as revenue_minor, sum(failed_count) as failed_count
    from {{ ref('agg_hourly_payments') }} group by currency_code
) as inside
full outer join (
    select currency_code, count(*) as requested_count, sum(amount_minor) as requested_minor, sum(case when is_captured then 1 else 0 end) as captured_count, sum(captured_minor) as revenue_minor, sum(case when status = 'failed' then 1 else 0 end) as failed_count
    from {{ ref('fct_payments') }} group by currency_code
) as outside on inside.currency_code <=> outside.currency_code
where not (inside.requested_count <=> outside.requested_count and inside.requested_minor <=> outside.requested_minor and inside.captured_count <=> outside.captured_count and inside.revenue_minor <=> outside.revenue_minor and inside.failed_count <=> outside.failed_count)
union all
select 'agg_periodic_payments' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select currency_code, sum(requested_count) as requested_count, sum(requested_minor) as requested_minor, sum(captured_count) as captured_count, sum(revenue_minor) as revenue_minor, case when count(*) = count(revenue_reporting_minor) then sum(revenue_reporting_minor) end as revenue_reporting_minor, sum(fee_minor) as fee_minor, sum(net_minor) as net_minor, sum(refunded_count) as refunded_count, sum(disputed_count) as disputed_count, sum(fraud_disputed_count) as fraud_disputed_count
    from {{ ref('agg_periodic_payments') }} where level = 'total' and period = 'day' group by currency_code
) as inside
full outer join (
    select currency_code, count(*) as requested_count, sum(amount_minor) as requested_minor, sum(case when is_captured then 1 else 0 end) as captured_count, sum(captured_minor) as revenue_minor, case when count(*) = count(captured_reporting_minor) then sum(captured_reporting_minor) end as revenue_reporting_minor, sum(fee_minor) as fee_minor, sum(captured_minor) - sum(fee_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as net_minor, sum(case when is_captured and is_refunded then 1 else 0 end) as refunded_count, sum(case when is_captured and is_disputed then 1 else 0 end) as disputed_count, sum(case when is_captured and is_fraud_disputed then 1 else 0 end) as fraud_disputed_count
    from {{ ref('fct_payments') }} group by currency_code
) as outside on inside.currency_code <=> outside.currency_code
where not (inside.requested_count <=> outside.requested_count and inside.requested_minor <=> outside.requested_minor and inside.captured_count <=> outside.captured_count and inside.revenue_minor <=> outside.revenue_minor and inside.revenue_reporting_minor <=> outside.revenue_reporting_minor and inside.fee_minor <=> outside.fee_minor and inside.net_minor <=> outside.net_minor and inside.refunded_count <=> outside.refunded_count and inside.disputed_count <=> outside.disputed_count and inside.fraud_disputed_count <=> outside.fraud_disputed_count)
union all
select 'agg_monthly_fraud_statistics' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select currency_code, sum(captured_count) as captured_count, sum(revenue_minor) as revenue_minor, sum(disputed_count) as disputed_count, sum(late_disputed_count) as late_disputed_count, sum(fraud_disputed_count) as fraud_disputed_count, sum(dispute_lost_minor) as dispute_lost_minor
    from {{ ref('agg_monthly_fraud_statistics') }} where level = 'total' group by currency_code
) as inside
full outer join (
    select currency_code, sum(case when is_captured then 1 else 0 end) as captured_count, sum(captured_minor) as revenue_minor, sum(case when is_captured and is_disputed then 1 else 0 end) as disputed_count, sum(case when is_captured and first_disputed_at > requested_at + interval '30' day then 1 else 0 end) as late_disputed_count, sum(case when is_captured and is_fraud_disputed then 1 else 0 end) as fraud_disputed_count, sum(dispute_lost_minor) as dispute_lost_minor
    from {{ ref('fct_payments') }} group by currency_code
) as outside on inside.currency_code <=> outside.currency_code
where not (inside.captured_count <=> outside.captured_count and inside.revenue_minor <=> outside.revenue_minor and inside.disputed_count <=> outside.disputed_count and inside.late_disputed_count <=> outside.late_disputed_count and inside.fraud_disputed_count <=> outside.fraud_disputed_count and inside.dispute_lost_minor <=> outside.dispute_lost_minor)
union all
select 'agg_product_performance' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select currency_code, sum(requested_count) as requested_count, sum(captured_count) as captured_count, sum(refunded_count) as refunded_count, sum(disputed_count) as disputed_count, sum(revenue_minor) as revenue_minor, sum(fee_minor) as fee_minor, sum(refunded_minor) as refunded_minor, sum(net_minor) as net_minor
    from {{ ref('agg_product_performance') }} group by currency_code
) as inside
full outer join (
    select currency_code, count(*) as requested_count, sum(case when is_captured then 1 else 0 end) as captured_count, sum(case when is_captured and is_refunded then 1 else 0 end) as refunded_count, sum(case when is_captured and is_disputed then 1 else 0 end) as disputed_count, sum(captured_minor) as revenue_minor, sum(fee_minor) as fee_minor, sum(refunded_minor) as refunded_minor, sum(captured_minor) - sum(fee_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as net_minor
    from {{ ref('fct_payments') }} group by currency_code
) as outside on inside.currency_code <=> outside.currency_code
where not (inside.requested_count <=> outside.requested_count and inside.captured_count <=> outside.captured_count and inside.refunded_count <=> outside.refunded_count and inside.disputed_count <=> outside.disputed_count and inside.revenue_minor <=> outside.revenue_minor and inside.fee_minor <=> outside.fee_minor and inside.refunded_minor <=> outside.refunded_minor and inside.net_minor <=> outside.net_minor)
union all
select 'agg_customer_lifetime' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select currency_code, sum(requested_count) as requested_count, sum(captured_count) as captured_count, sum(refunded_count) as refunded_count, sum(disputed_count) as disputed_count, sum(fraud_disputed_count) as fraud_disputed_count, sum(revenue_minor) as revenue_minor, sum(refunded_minor) as refunded_minor, sum(dispute_lost_minor) as dispute_lost_minor, sum(lifetime_value_minor) as lifetime_value_minor
    from {{ ref('agg_customer_lifetime') }} group by currency_code
) as inside
full outer join (
    select currency_code, count(*) as requested_count, sum(case when is_captured then 1 else 0 end) as captured_count, sum(case when is_captured and is_refunded then 1 else 0 end) as refunded_count, sum(case when is_captured and is_disputed then 1 else 0 end) as disputed_count, sum(case when is_captured and is_fraud_disputed then 1 else 0 end) as fraud_disputed_count, sum(captured_minor) as revenue_minor, sum(refunded_minor) as refunded_minor, sum(dispute_lost_minor) as dispute_lost_minor, sum(captured_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as lifetime_value_minor
    from {{ ref('fct_payments') }} group by currency_code
) as outside on inside.currency_code <=> outside.currency_code
where not (inside.requested_count <=> outside.requested_count and inside.captured_count <=> outside.captured_count and inside.refunded_count <=> outside.refunded_count and inside.disputed_count <=> outside.disputed_count and inside.fraud_disputed_count <=> outside.fraud_disputed_count and inside.revenue_minor <=> outside.revenue_minor and inside.refunded_minor <=> outside.refunded_minor and inside.dispute_lost_minor <=> outside.dispute_lost_minor and inside.lifetime_value_minor <=> outside.lifetime_value_minor)
union all
select 'agg_daily_funnel' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select cast(null as string) as currency_code, sum(session_count) as session_count, sum(viewed_count) as viewed_count, sum(checkout_count) as checkout_count, sum(submitted_count) as submitted_count, sum(completed_count) as completed_count
    from {{ ref('agg_daily_funnel') }} where level = 'total' having count(*) > 0
) as inside
full outer join (
    select cast(null as string) as currency_code, count(*) as session_count, sum(case when furthest_step >= 2 then 1 else 0 end) as viewed_count, sum(case when furthest_step >= 3 then 1 else 0 end) as checkout_count, sum(case when furthest_step >= 4 then 1 else 0 end) as submitted_count, sum(case when furthest_step >= 5 then 1 else 0 end) as completed_count
    from {{ ref('fct_sessions') }} having count(*) > 0
) as outside on inside.currency_code <=> outside.currency_code
where not (inside.session_count <=> outside.session_count and inside.viewed_count <=> outside.viewed_count and inside.checkout_count <=> outside.checkout_count and inside.submitted_count <=> outside.submitted_count and inside.completed_count <=> outside.completed_count)
union all
select 'agg_hourly_payments' as cube, currency_code
from {{ ref('agg_hourly_payments') }}
where not (conversion_rate <=> cast(cast(captured_count as decimal(38, 10)) / cast(nullif(requested_count, 0) as decimal(28, 0)) as decimal(18, 8)))
union all
select 'agg_periodic_payments' as cube, currency_code
from {{ ref('agg_periodic_payments') }}
where not (average_basket_minor <=> cast(round(cast(revenue_minor as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)), 0) as bigint) and margin_rate <=> cast(cast(net_minor as decimal(38, 10)) / cast(nullif(revenue_minor, 0) as decimal(28, 0)) as decimal(18, 8)) and conversion_rate <=> cast(cast(captured_count as decimal(38, 10)) / cast(nullif(requested_count, 0) as decimal(28, 0)) as decimal(18, 8)) and refund_rate <=> cast(cast(refunded_count as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)) as decimal(18, 8)) and dispute_rate <=> cast(cast(disputed_count as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)) as decimal(18, 8)) and fraud_rate <=> cast(cast(fraud_disputed_count as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)) as decimal(18, 8)))
union all
select 'agg_monthly_fraud_statistics' as cube, currency_code
from {{ ref('agg_monthly_fraud_statistics') }}
where not (dispute_rate <=> cast(cast(disputed_count as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)) as decimal(18, 8)) and fraud_rate <=> cast(cast(fraud_disputed_count as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)) as decimal(18, 8)))
union all
select 'agg_product_performance' as cube, currency_code
from {{ ref('agg_product_performance') }}
where not (average_basket_minor <=> cast(round(cast(revenue_minor as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)), 0) as bigint) and margin_rate <=> cast(cast(net_minor as decimal(38, 10)) / cast(nullif(revenue_minor, 0) as decimal(28, 0)) as decimal(18, 8)) and conversion_rate <=> cast(cast(captured_count as decimal(38, 10)) / cast(nullif(requested_count, 0) as decimal(28, 0)) as decimal(18, 8)) and refund_rate <=> cast(cast(refunded_count as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)) as decimal(18, 8)) and dispute_rate <=> cast(cast(disputed_count as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)) as decimal(18, 8)))
union all
select 'agg_customer_lifetime' as cube, currency_code
from {{ ref('agg_customer_lifetime') }}
where not (average_basket_minor <=> cast(round(cast(revenue_minor as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)), 0) as bigint) and refund_rate <=> cast(cast(refunded_count as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)) as decimal(18, 8)) and dispute_rate <=> cast(cast(disputed_count as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)) as decimal(18, 8)) and fraud_rate <=> cast(cast(fraud_disputed_count as decimal(38, 10)) / cast(nullif(captured_count, 0) as decimal(28, 0)) as decimal(18, 8)))
union all
select 'agg_daily_funnel' as cube, cast(null as string) as currency_code
from {{ ref('agg_daily_funnel') }}
where not (session_conversion_rate <=> cast(cast(completed_count as decimal(38, 10)) / cast(nullif(session_count, 0) as decimal(28, 0)) as decimal(18, 8)))
