{# Rendered from catalog/metrics.yml by `lakehouse tables render`. Do not edit. #}
-- One row per currency_code, channel, hour_at. Payments per hour (UTC), currency and channel. Payments, each with all that became of it, in the period in which it was requested.
{{ config(unique_key=['currency_code', 'channel', 'hour_at'], incremental_strategy='differences', meta={'complete': true, 'parts': ['hour_at']}) }}
{%- set touched = touched_parts([
    (ref('fct_payments'), "date_trunc('hour', requested_at) as hour_at", "true"),
]) %}

select
    currency_code,
    coalesce(channel, '(unknown)') as channel,
    date_trunc('hour', requested_at) as hour_at,
    count(*) as requested_count,
    sum(amount_minor) as requested_minor,
    sum(case when is_captured then 1 else 0 end) as captured_count,
    sum(captured_minor) as revenue_minor,
    sum(case when status = 'failed' then 1 else 0 end) as failed_count,
    count(distinct customer_id) as customer_count,
    cast(cast(sum(case when is_captured then 1 else 0 end) as decimal(38, 10)) / cast(nullif(count(*), 0) as decimal(28, 0)) as decimal(18, 8)) as conversion_rate,
    max(known_at) as known_at
from {{ ref('fct_payments') }} as facts{{ touched_period(touched, 'hour', 'hour_at', 'requested_at', "date_trunc('hour', requested_at)") }}
group by 1, 2, 3
