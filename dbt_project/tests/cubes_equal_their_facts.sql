{# Rendered from catalog/metrics.yml by `lakehouse tables render`. Do not edit. #}
-- Each cube of a fact table, summed up, is that table, per currency.
select 'agg_hourly_payments' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select currency_code, sum(requested_count) as requested_count, sum(requested_minor) as requested_minor, sum(captured_count) as captured_count, sum(revenue_minor) as revenue_minor, sum(failed_count) as failed_count
    from {{ ref('agg_hourly_payments') }} group by currency_code
) as inside
full outer join (
    select currency_code, count(*) as requested_count, sum(amount_minor) as requested_minor, sum(case when is_captured then 1 else 0 end) as captured_count, sum(captured_minor) as revenue_minor, sum(case when status = 'failed' then 1 else 0 end) as failed_count
    from {{ ref('fct_payments') }} group by currency_code
) as outside on inside.currency_code = outside.currency_code
where not (inside.requested_count <=> outside.requested_count and inside.requested_minor <=> outside.requested_minor and inside.captured_count <=> outside.captured_count and inside.revenue_minor <=> outside.revenue_minor and inside.failed_count <=> outside.failed_count)
union all
select 'agg_periodic_payments' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select currency_code, sum(requested_count) as requested_count, sum(requested_minor) as requested_minor, sum(captured_count) as captured_count, sum(revenue_minor) as revenue_minor, sum(fee_minor) as fee_minor, sum(net_minor) as net_minor, sum(refunded_count) as refunded_count, sum(disputed_count) as disputed_count, sum(fraud_disputed_count) as fraud_disputed_count
    from {{ ref('agg_periodic_payments') }} where level = 'total' and period = 'day' group by currency_code
) as inside
full outer join (
    select currency_code, count(*) as requested_count, sum(amount_minor) as requested_minor, sum(case when is_captured then 1 else 0 end) as captured_count, sum(captured_minor) as revenue_minor, sum(fee_minor) as fee_minor, sum(captured_minor) - sum(fee_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as net_minor, sum(case when is_captured and is_refunded then 1 else 0 end) as refunded_count, sum(case when is_captured and is_disputed then 1 else 0 end) as disputed_count, sum(case when is_captured and is_fraud_disputed then 1 else 0 end) as fraud_disputed_count
    from {{ ref('fct_payments') }} group by currency_code
) as outside on inside.currency_code = outside.currency_code
where not (inside.requested_count <=> outside.requested_count and inside.requested_minor <=> outside.requested_minor and inside.captured_count <=> outside.captured_count and inside.revenue_minor <=> outside.revenue_minor and inside.fee_minor <=> outside.fee_minor and inside.net_minor <=> outside.net_minor and inside.refunded_count <=> outside.refunded_count and inside.disputed_count <=> outside.disputed_count and inside.fraud_disputed_count <=> outside.fraud_disputed_count)
union all
select 'agg_monthly_fraud_statistics' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select currency_code, sum(captured_count) as captured_count, sum(revenue_minor) as revenue_minor, sum(disputed_count) as disputed_count, sum(late_disputed_count) as late_disputed_count, sum(fraud_disputed_count) as fraud_disputed_count, sum(dispute_lost_minor) as dispute_lost_minor
    from {{ ref('agg_monthly_fraud_statistics') }} where level = 'total' group by currency_code
) as inside
full outer join (
    select currency_code, sum(case when is_captured then 1 else 0 end) as captured_count, sum(captured_minor) as revenue_minor, sum(case when is_captured and is_disputed then 1 else 0 end) as disputed_count, sum(case when is_captured and first_disputed_at > requested_at + interval '30' day then 1 else 0 end) as late_disputed_count, sum(case when is_captured and is_fraud_disputed then 1 else 0 end) as fraud_disputed_count, sum(dispute_lost_minor) as dispute_lost_minor
    from {{ ref('fct_payments') }} group by currency_code
) as outside on inside.currency_code = outside.currency_code
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
) as outside on inside.currency_code = outside.currency_code
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
) as outside on inside.currency_code = outside.currency_code
where not (inside.requested_count <=> outside.requested_count and inside.captured_count <=> outside.captured_count and inside.refunded_count <=> outside.refunded_count and inside.disputed_count <=> outside.disputed_count and inside.fraud_disputed_count <=> outside.fraud_disputed_count and inside.revenue_minor <=> outside.revenue_minor and inside.refunded_minor <=> outside.refunded_minor and inside.dispute_lost_minor <=> outside.dispute_lost_minor and inside.lifetime_value_minor <=> outside.lifetime_value_minor)
