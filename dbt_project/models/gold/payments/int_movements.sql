-- One row per movement of money: captures on their day, refunds on theirs, lost disputes on the day they were decided.
{{ config(materialized='ephemeral', contract={'enforced': false}) }}
{%- set nothing = 'cast(0 as bigint)' %}

select
    merchant_id,
    currency_code,
    captured_on as moved_on,
    true as is_captured,
    captured_minor,
    fee_minor,
    {{ nothing }} as refunded_minor,
    {{ nothing }} as dispute_lost_minor,
    captured_reporting_minor,
    fee_reporting_minor,
    {{ nothing }} as refunded_reporting_minor,
    {{ nothing }} as dispute_lost_reporting_minor,
    captured_reporting_minor - fee_reporting_minor as net_reporting_minor,
    known_at
from {{ ref('fct_payments') }}
where is_captured
union all
select
    merchant_id,
    currency_code,
    refunded_on,
    false,
    {{ nothing }},
    {{ nothing }},
    amount_minor,
    {{ nothing }},
    {{ nothing }},
    {{ nothing }},
    refunded_reporting_minor,
    {{ nothing }},
    -refunded_reporting_minor,
    known_at
from {{ ref('fct_refunds') }}
where status = 'succeeded'
union all
select
    merchant_id,
    currency_code,
    cast(coalesce(closed_at, opened_at) as date),
    false,
    {{ nothing }},
    {{ nothing }},
    {{ nothing }},
    amount_minor,
    {{ nothing }},
    {{ nothing }},
    {{ nothing }},
    lost_reporting_minor,
    -lost_reporting_minor,
    known_at
from {{ ref('fct_disputes') }}
where status = 'lost'
