{# Rendered from catalog/metrics.yml by `lakehouse tables render`. Do not edit. #}
-- One row per currency_code, month_on, level, channel, payment_method_kind, ip_country_code, merchant_category_code. Fraud and disputes per month in which the payments were requested, over all and by one dimension at a time. Payments, each with all that became of it, in the period in which it was requested.
{{ config(unique_key=['currency_code', 'month_on', 'level', 'channel', 'payment_method_kind', 'ip_country_code', 'merchant_category_code'], incremental_strategy='differences', meta={'complete': true, 'parts': ['month_on']}) }}
{%- set touched = touched_parts([
    (ref('fct_payments'), "cast(date_trunc('month', requested_at) as date) as month_on", "true"),
]) %}

with finest as (
    select
        currency_code,
        coalesce(channel, '(unknown)') as channel,
        coalesce(payment_method_kind, '(unknown)') as payment_method_kind,
        coalesce(ip_country_code, '(unknown)') as ip_country_code,
        coalesce(merchant_category_code, '(unknown)') as merchant_category_code,
        cast(date_trunc('month', requested_at) as date) as month_on,
        sum(case when is_captured then 1 else 0 end) as captured_count,
        sum(captured_minor) as revenue_minor,
        sum(case when is_captured and is_disputed then 1 else 0 end) as disputed_count,
        sum(case when is_captured and first_disputed_at > requested_at + interval '30' day then 1 else 0 end) as late_disputed_count,
        sum(case when is_captured and is_fraud_disputed then 1 else 0 end) as fraud_disputed_count,
        sum(dispute_lost_minor) as dispute_lost_minor,
        max(known_at) as known_at
    from {{ ref('fct_payments') }} as facts{{ touched_period(touched, 'month', 'month_on', 'requested_at', "cast(date_trunc('month', requested_at) as date)") }}
    group by 1, 2, 3, 4, 5, 6
)

select
    currency_code,
    month_on,
    case when grouping(channel) = 0 then 'channel' when grouping(payment_method_kind) = 0 then 'payment_method_kind' when grouping(ip_country_code) = 0 then 'ip_country_code' when grouping(merchant_category_code) = 0 then 'merchant_category_code' else 'total' end as level,
    case when grouping(channel) = 1 then '(all)' else channel end as channel,
    case when grouping(payment_method_kind) = 1 then '(all)' else payment_method_kind end as payment_method_kind,
    case when grouping(ip_country_code) = 1 then '(all)' else ip_country_code end as ip_country_code,
    case when grouping(merchant_category_code) = 1 then '(all)' else merchant_category_code end as merchant_category_code,
    sum(captured_count) as captured_count,
    sum(revenue_minor) as revenue_minor,
    sum(disputed_count) as disputed_count,
    sum(late_disputed_count) as late_disputed_count,
    sum(fraud_disputed_count) as fraud_disputed_count,
    sum(dispute_lost_minor) as dispute_lost_minor,
    cast(cast(sum(disputed_count) as decimal(38, 10)) / cast(nullif(sum(captured_count), 0) as decimal(28, 0)) as decimal(18, 8)) as dispute_rate,
    cast(cast(sum(fraud_disputed_count) as decimal(38, 10)) / cast(nullif(sum(captured_count), 0) as decimal(28, 0)) as decimal(18, 8)) as fraud_rate,
    max(known_at) as known_at
from finest
group by grouping sets (
    (currency_code, month_on),
    (currency_code, month_on, channel),
    (currency_code, month_on, payment_method_kind),
    (currency_code, month_on, ip_country_code),
    (currency_code, month_on, merchant_category_code)
)
