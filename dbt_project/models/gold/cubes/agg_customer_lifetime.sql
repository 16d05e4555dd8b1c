{# Rendered from catalog/metrics.yml by `lakehouse tables render`. Do not edit. #}
-- One row per customer_id, currency_code. What each customer has brought until now, per currency. Payments, each with all that became of it, in the period in which it was requested.
{{ config(unique_key=['customer_id', 'currency_code'], incremental_strategy='differences', meta={'complete': true, 'parts': ['customer_id']}) }}
{%- set touched = touched_parts([
    (ref('fct_payments'), "coalesce(customer_id, '(unknown)') as customer_id", "true"),
]) %}

select
    coalesce(customer_id, '(unknown)') as customer_id,
    currency_code,
    count(*) as requested_count,
    sum(case when is_captured then 1 else 0 end) as captured_count,
    sum(case when is_captured and is_refunded then 1 else 0 end) as refunded_count,
    sum(case when is_captured and is_disputed then 1 else 0 end) as disputed_count,
    sum(case when is_captured and is_fraud_disputed then 1 else 0 end) as fraud_disputed_count,
    sum(captured_minor) as revenue_minor,
    sum(refunded_minor) as refunded_minor,
    sum(dispute_lost_minor) as dispute_lost_minor,
    sum(captured_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as lifetime_value_minor,
    cast(round(cast(sum(captured_minor) as decimal(38, 10)) / cast(nullif(sum(case when is_captured then 1 else 0 end), 0) as decimal(28, 0)), 0) as bigint) as average_basket_minor,
    cast(cast(sum(case when is_captured and is_refunded then 1 else 0 end) as decimal(38, 10)) / cast(nullif(sum(case when is_captured then 1 else 0 end), 0) as decimal(28, 0)) as decimal(18, 8)) as refund_rate,
    cast(cast(sum(case when is_captured and is_disputed then 1 else 0 end) as decimal(38, 10)) / cast(nullif(sum(case when is_captured then 1 else 0 end), 0) as decimal(28, 0)) as decimal(18, 8)) as dispute_rate,
    cast(cast(sum(case when is_captured and is_fraud_disputed then 1 else 0 end) as decimal(38, 10)) / cast(nullif(sum(case when is_captured then 1 else 0 end), 0) as decimal(28, 0)) as decimal(18, 8)) as fraud_rate,
    max(known_at) as known_at
from {{ ref('fct_payments') }} as facts{{ touched_members(touched, 'customer_id', "coalesce(facts.customer_id, '(unknown)')") }}
group by 1, 2
