-- One row per merchant, currency and day (UTC) on which money moved: captures on their day, refunds on theirs, lost
-- disputes on the day they were decided. Every group is summed, only groups that differ are written: a corrected or
-- deleted fact leaves its former day without a trace in the facts, so what changed cannot tell which days to redo.
{{ config(
    unique_key=['merchant_id', 'currency_code', 'activity_on'], incremental_strategy='differences', meta={'complete': true}
) }}

with movements as (
    select
        merchant_id,
        currency_code,
        captured_on as activity_on,
        cast(1 as bigint) as payment_count,
        captured_minor as gross_minor,
        fee_minor,
        cast(0 as bigint) as refunded_minor,
        cast(0 as bigint) as dispute_lost_minor,
        known_at
    from {{ ref('fct_payments') }}
    where is_captured
    union all
    select
        merchant_id,
        currency_code,
        refunded_on,
        cast(0 as bigint),
        cast(0 as bigint),
        cast(0 as bigint),
        amount_minor,
        cast(0 as bigint),
        known_at
    from {{ ref('fct_refunds') }}
    where status = 'succeeded'
    union all
    select
        merchant_id,
        currency_code,
        cast(coalesce(closed_at, opened_at) as date),
        cast(0 as bigint),
        cast(0 as bigint),
        cast(0 as bigint),
        cast(0 as bigint),
        amount_minor,
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
    max(known_at) as known_at
from movements
group by merchant_id, currency_code, activity_on
