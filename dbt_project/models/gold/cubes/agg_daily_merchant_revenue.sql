{# Rendered from catalog/metrics.yml by `lakehouse tables render`. Do not edit. #}
-- One row per merchant_id, currency_code, day_on. Money moved per merchant, currency and day (UTC). Movements of money in the period in which they happened, captures, refunds and lost disputes.
{{ config(unique_key=['merchant_id', 'currency_code', 'day_on'], incremental_strategy='differences', meta={'complete': true, 'parts': ['day_on']}) }}
{%- set touched = touched_parts([
    (ref('fct_payments'), "cast(captured_on as date) as day_on", "is_captured"),
    (ref('fct_refunds'), "cast(refunded_on as date) as day_on", "status = 'succeeded'"),
    (ref('fct_disputes'), "cast(coalesce(closed_at, opened_at) as date) as day_on", "status = 'lost'"),
]) %}

select
    coalesce(merchant_id, '(unknown)') as merchant_id,
    currency_code,
    cast(moved_on as date) as day_on,
    sum(case when is_captured then 1 else 0 end) as captured_count,
    sum(captured_minor) as revenue_minor,
    sum(fee_minor) as fee_minor,
    sum(refunded_minor) as refunded_minor,
    sum(dispute_lost_minor) as dispute_lost_minor,
    sum(captured_minor) - sum(fee_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as net_minor,
    case when count(*) = count(captured_reporting_minor) then sum(captured_reporting_minor) end as revenue_reporting_minor,
    case when count(*) = count(fee_reporting_minor) then sum(fee_reporting_minor) end as fee_reporting_minor,
    case when count(*) = count(refunded_reporting_minor) then sum(refunded_reporting_minor) end as refunded_reporting_minor,
    case when count(*) = count(dispute_lost_reporting_minor) then sum(dispute_lost_reporting_minor) end as dispute_lost_reporting_minor,
    case when count(*) = count(net_reporting_minor) then sum(net_reporting_minor) end as net_reporting_minor,
    '{{ reporting_currency() }}' as reporting_currency_code,
    max(known_at) as known_at
from {{ ref('int_movements') }} as facts{{ touched_period(touched, 'day', 'day_on', 'moved_on', "cast(moved_on as date)") }}
group by 1, 2, 3
