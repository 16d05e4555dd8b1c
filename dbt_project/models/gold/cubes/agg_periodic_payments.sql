{# Rendered from catalog/metrics.yml by `lakehouse tables render`. Do not edit. #}
-- One row per currency_code, period, starts_on, level, channel, customer_country_code, merchant_category_code, payment_method_kind. Payments per day, week, month, quarter and year, over all and by one dimension at a time. Payments, each with all that became of it, in the period in which it was requested.
{{ config(unique_key=['currency_code', 'period', 'starts_on', 'level', 'channel', 'customer_country_code', 'merchant_category_code', 'payment_method_kind'], incremental_strategy='differences', meta={'complete': true, 'parts': ['period', 'starts_on']}) }}
{%- set touched = touched_parts([
    (ref('fct_payments'), "stack(5, 'day', cast(requested_at as date), 'week', cast(date_trunc('week', requested_at) as date), 'month', cast(date_trunc('month', requested_at) as date), 'quarter', cast(date_trunc('quarter', requested_at) as date), 'year', cast(date_trunc('year', requested_at) as date)) as (period, starts_on)", "true"),
]) %}

with finest as (
    select
        currency_code,
        coalesce(channel, '(unknown)') as channel,
        coalesce(customer_country_code, '(unknown)') as customer_country_code,
        coalesce(merchant_category_code, '(unknown)') as merchant_category_code,
        coalesce(payment_method_kind, '(unknown)') as payment_method_kind,
        cast(requested_at as date) as day_on,
        count(*) as requested_count,
        sum(amount_minor) as requested_minor,
        sum(case when is_captured then 1 else 0 end) as captured_count,
        sum(captured_minor) as revenue_minor,
        case when count(*) = count(captured_reporting_minor) then sum(captured_reporting_minor) end as revenue_reporting_minor,
        sum(fee_minor) as fee_minor,
        sum(captured_minor) - sum(fee_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as net_minor,
        sum(case when is_captured and is_refunded then 1 else 0 end) as refunded_count,
        sum(case when is_captured and is_disputed then 1 else 0 end) as disputed_count,
        sum(case when is_captured and is_fraud_disputed then 1 else 0 end) as fraud_disputed_count,
        max(known_at) as known_at
    from {{ ref('fct_payments') }} as facts{{ touched_period(touched, 'day', 'starts_on', 'requested_at', "cast(requested_at as date)") }}
    group by 1, 2, 3, 4, 5, 6
),

days as (
    select
        currency_code,
        day_on,
        case when grouping(channel) = 0 then 'channel' when grouping(customer_country_code) = 0 then 'customer_country_code' when grouping(merchant_category_code) = 0 then 'merchant_category_code' when grouping(payment_method_kind) = 0 then 'payment_method_kind' else 'total' end as level,
        case when grouping(channel) = 1 then '(all)' else channel end as channel,
        case when grouping(customer_country_code) = 1 then '(all)' else customer_country_code end as customer_country_code,
        case when grouping(merchant_category_code) = 1 then '(all)' else merchant_category_code end as merchant_category_code,
        case when grouping(payment_method_kind) = 1 then '(all)' else payment_method_kind end as payment_method_kind,
        sum(requested_count) as requested_count,
        sum(requested_minor) as requested_minor,
        sum(captured_count) as captured_count,
        sum(revenue_minor) as revenue_minor,
        case when count(*) = count(revenue_reporting_minor) then sum(revenue_reporting_minor) end as revenue_reporting_minor,
        sum(fee_minor) as fee_minor,
        sum(net_minor) as net_minor,
        sum(refunded_count) as refunded_count,
        sum(disputed_count) as disputed_count,
        sum(fraud_disputed_count) as fraud_disputed_count,
        max(known_at) as known_at
    from finest
    group by grouping sets (
        (currency_code, day_on),
        (currency_code, day_on, channel),
        (currency_code, day_on, customer_country_code),
        (currency_code, day_on, merchant_category_code),
        (currency_code, day_on, payment_method_kind)
    )
),

dated as (
    select
        *,
        cast(date_trunc('week', day_on) as date) as week_on,
        cast(date_trunc('month', day_on) as date) as month_on,
        cast(date_trunc('quarter', day_on) as date) as quarter_on,
        cast(date_trunc('year', day_on) as date) as year_on
    from (
        select * from days{{ and_untouched(touched, 'day', 'currency_code, starts_on as day_on, level, channel, customer_country_code, merchant_category_code, payment_method_kind, requested_count, requested_minor, captured_count, revenue_minor, revenue_reporting_minor, fee_minor, net_minor, refunded_count, disputed_count, fraud_disputed_count, known_at') }}
    ) as every
)

select
    currency_code,
    case when grouping(day_on) = 0 then 'day' when grouping(week_on) = 0 then 'week' when grouping(month_on) = 0 then 'month' when grouping(quarter_on) = 0 then 'quarter' when grouping(year_on) = 0 then 'year' end as period,
    coalesce(day_on, week_on, month_on, quarter_on, year_on) as starts_on,
    level,
    channel,
    customer_country_code,
    merchant_category_code,
    payment_method_kind,
    sum(requested_count) as requested_count,
    sum(requested_minor) as requested_minor,
    sum(captured_count) as captured_count,
    sum(revenue_minor) as revenue_minor,
    case when count(*) = count(revenue_reporting_minor) then sum(revenue_reporting_minor) end as revenue_reporting_minor,
    sum(fee_minor) as fee_minor,
    sum(net_minor) as net_minor,
    sum(refunded_count) as refunded_count,
    sum(disputed_count) as disputed_count,
    sum(fraud_disputed_count) as fraud_disputed_count,
    cast(round(cast(sum(revenue_minor) as decimal(38, 10)) / cast(nullif(sum(captured_count), 0) as decimal(28, 0)), 0) as bigint) as average_basket_minor,
    cast(cast(sum(net_minor) as decimal(38, 10)) / cast(nullif(sum(revenue_minor), 0) as decimal(28, 0)) as decimal(18, 8)) as margin_rate,
    cast(cast(sum(captured_count) as decimal(38, 10)) / cast(nullif(sum(requested_count), 0) as decimal(28, 0)) as decimal(18, 8)) as conversion_rate,
    cast(cast(sum(refunded_count) as decimal(38, 10)) / cast(nullif(sum(captured_count), 0) as decimal(28, 0)) as decimal(18, 8)) as refund_rate,
    cast(cast(sum(disputed_count) as decimal(38, 10)) / cast(nullif(sum(captured_count), 0) as decimal(28, 0)) as decimal(18, 8)) as dispute_rate,
    cast(cast(sum(fraud_disputed_count) as decimal(38, 10)) / cast(nullif(sum(captured_count), 0) as decimal(28, 0)) as decimal(18, 8)) as fraud_rate,
    '{{ reporting_currency() }}' as reporting_currency_code,
    max(known_at) as known_at
from dated
group by grouping sets (
    (currency_code, level, channel, customer_country_code, merchant_category_code, payment_method_kind, day_on),
    (currency_code, level, channel, customer_country_code, merchant_category_code, payment_method_kind, week_on),
    (currency_code, level, channel, customer_country_code, merchant_category_code, payment_method_kind, month_on),
    (currency_code, level, channel, customer_country_code, merchant_category_code, payment_method_kind, quarter_on),
    (currency_code, level, channel, customer_country_code, merchant_category_code, payment_method_kind, year_on)
)
