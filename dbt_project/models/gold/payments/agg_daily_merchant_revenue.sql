-- One row per merchant, currency and day (UTC) on which money moved: captures on their day, refunds on theirs, lost
-- disputes on the day they were decided. Every group is summed, only groups that differ are written: a corrected or
-- deleted fact leaves its former day without a trace in the facts, so what changed cannot tell which days to redo.
{{ config(
    unique_key=['merchant_id', 'currency_code', 'activity_on'], incremental_strategy='differences', meta={'complete': true}
) }}
{%- set nothing = 'cast(0 as bigint)' %}

with movements as (
    select
        merchant_id,
        currency_code,
        captured_on as activity_on,
        cast(1 as bigint) as payment_count,
        captured_minor as gross_minor,
        fee_minor,
        {{ nothing }} as refunded_minor,
        {{ nothing }} as dispute_lost_minor,
        captured_reporting_minor as gross_reporting_minor,
        fee_reporting_minor,
        {{ nothing }} as refunded_reporting_minor,
        {{ nothing }} as dispute_lost_reporting_minor,
        known_at
    from {{ ref('fct_payments') }}
    where is_captured
    union all
    select
        merchant_id,
        currency_code,
        refunded_on,
        {{ nothing }},
        {{ nothing }},
        {{ nothing }},
        amount_minor,
        {{ nothing }},
        {{ nothing }},
        {{ nothing }},
        refunded_reporting_minor,
        {{ nothing }},
        known_at
    from {{ ref('fct_refunds') }}
    where status = 'succeeded'
    union all
    select
        merchant_id,
        currency_code,
        cast(coalesce(closed_at, opened_at) as date),
        {{ nothing }},
        {{ nothing }},
        {{ nothing }},
        {{ nothing }},
        amount_minor,
        {{ nothing }},
        {{ nothing }},
        {{ nothing }},
        lost_reporting_minor,
        known_at
    from {{ ref('fct_disputes') }}
    where status = 'lost'
)

select
    merchant_id,
    currency_code,
    activity_on,
    sum(payment_count) as payment_count,
    sum(gross_minor) as gross_minor,
    sum(fee_minor) as fee_minor,
    sum(refunded_minor) as refunded_minor,
    sum(dispute_lost_minor) as dispute_lost_minor,
    sum(gross_minor) - sum(fee_minor) - sum(refunded_minor) - sum(dispute_lost_minor) as net_minor,
    '{{ reporting_currency() }}' as reporting_currency_code,
    {%- for measure in ['gross', 'fee', 'refunded', 'dispute_lost'] %}
    {{ converted(measure ~ '_reporting_minor') }} as {{ measure }}_reporting_minor,
    {%- endfor %}
    {% for measure in ['gross', 'fee', 'refunded', 'dispute_lost'] %}
    {{- converted(measure ~ '_reporting_minor') }}{{ ' - ' if not loop.last }}
    {%- endfor %} as net_reporting_minor,
    max(known_at) as known_at
from movements
group by merchant_id, currency_code, activity_on
