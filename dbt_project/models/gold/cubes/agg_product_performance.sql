{# Rendered from catalog/metrics.yml by `lakehouse tables render`. Do not edit. #}
-- One row per product_id, merchant_id, currency_code, month_on. What each product brought per month and currency. Payments, each with all that became of it, in the period in which it was requested.
{{ config(unique_key=['product_id', 'merchant_id', 'currency_code', 'month_on'], incremental_strategy='differences', meta={'complete': true, 'parts': ['month_on']}) }}
{%- set touched = touched_parts([
    (ref('fct_payments'), "cast(date_trunc('month', requested_at) as date) as month_on", "true"),
]) %}

select
    coalesce(product_id, '(unknown)') as product_id,
    coalesce(merchant_id, '(unknown)') as merchant_id,
    currency_code,
    cast(date_trunc('month', requested_at) as date) as month_on,
    count(*) as requested_count,
    sum(case when is_captured then 1 else 0 end) as captured_count,
    sum(case when is_captured and is_refunded then 1 else 0 end) as refunded_count,
    sum(case when is_captured and is_disputed then 1 else 0 end) as disputed_count,
    count(distinct customer_id) as customer_count,
    sum(captured_minor) as revenue_minor,
    sum(fee_minor) as fee_minor,
    sum(refunded_minor) as refunded_minor,
    sum(captured_minor) - sum(fee_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as net_minor,
    cast(round(cast(sum(captured_minor) as decimal(38, 10)) / cast(nullif(sum(case when is_captured then 1 else 0 end), 0) as decimal(28, 0)), 0) as bigint) as average_basket_minor,
    cast(cast(sum(captured_minor) - sum(fee_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as decimal(38, 10)) / cast(nullif(sum(captured_minor), 0) as decimal(28, 0)) as decimal(18, 8)) as margin_rate,
    cast(cast(sum(case when is_captured then 1 else 0 end) as decimal(38, 10)) / cast(nullif(count(*), 0) as decimal(28, 0)) as decimal(18, 8)) as conversion_rate,
    cast(cast(sum(case when is_captured and is_refunded then 1 else 0 end) as decimal(38, 10)) / cast(nullif(sum(case when is_captured then 1 else 0 end), 0) as decimal(28, 0)) as decimal(18, 8)) as refund_rate,
    cast(cast(sum(case when is_captured and is_disputed then 1 else 0 end) as decimal(38, 10)) / cast(nullif(sum(case when is_captured then 1 else 0 end), 0) as decimal(28, 0)) as decimal(18, 8)) as dispute_rate,
    max(known_at) as known_at
from {{ ref('fct_payments') }} as facts{{ touched_period(touched, 'month', 'month_on', 'requested_at', "cast(date_trunc('month', requested_at) as date)") }}
group by 1, 2, 3, 4
