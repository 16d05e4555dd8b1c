{# Rendered from catalog/metrics.yml by `lakehouse tables render`. Do not edit. #}
-- One row per day_on, level, channel, country_code, merchant_id. How far checkout sessions came, per day (UTC), over all and by one dimension at a time. Checkout sessions, each as far as it came, in the period in which it began.
{{ config(unique_key=['day_on', 'level', 'channel', 'country_code', 'merchant_id'], incremental_strategy='differences', meta={'complete': true, 'parts': ['day_on']}) }}
{%- set touched = touched_parts([
    (ref('fct_sessions'), "cast(started_at as date) as day_on", "true"),
]) %}

with finest as (
    select
        coalesce(channel, '(unknown)') as channel,
        coalesce(country_code, '(unknown)') as country_code,
        coalesce(merchant_id, '(unknown)') as merchant_id,
        cast(started_at as date) as day_on,
        count(*) as session_count,
        sum(case when furthest_step >= 2 then 1 else 0 end) as viewed_count,
        sum(case when furthest_step >= 3 then 1 else 0 end) as checkout_count,
        sum(case when furthest_step >= 4 then 1 else 0 end) as submitted_count,
        sum(case when furthest_step >= 5 then 1 else 0 end) as completed_count,
        max(known_at) as known_at
    from {{ ref('fct_sessions') }} as facts{{ touched_period(touched, 'day', 'day_on', 'started_at', "cast(started_at as date)") }}
    group by 1, 2, 3, 4
)

select
    day_on,
    case when grouping(channel) = 0 then 'channel' when grouping(country_code) = 0 then 'country_code' when grouping(merchant_id) = 0 then 'merchant_id' else 'total' end as level,
    case when grouping(channel) = 1 then '(all)' else channel end as channel,
    case when grouping(country_code) = 1 then '(all)' else country_code end as country_code,
    case when grouping(merchant_id) = 1 then '(all)' else merchant_id end as merchant_id,
    sum(session_count) as session_count,
    sum(viewed_count) as viewed_count,
    sum(checkout_count) as checkout_count,
    sum(submitted_count) as submitted_count,
    sum(completed_count) as completed_count,
    cast(cast(sum(completed_count) as decimal(38, 10)) / cast(nullif(sum(session_count), 0) as decimal(28, 0)) as decimal(18, 8)) as session_conversion_rate,
    max(known_at) as known_at
from finest
group by grouping sets (
    (day_on),
    (day_on, channel),
    (day_on, country_code),
    (day_on, merchant_id)
)
