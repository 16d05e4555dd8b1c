-- One row per refund that the source still has, unless its payment was deleted.
{{ config(unique_key='refund_id', incremental_strategy='differences') }}
{%- set newest = newest_known() %}

with joined as (
    select
        refunds.refund_id,
        refunds.payment_id,
        payments.merchant_id,
        payments.customer_id,
        refunds.currency_code,
        refunds.amount_minor,
        refunds.reason,
        refunds.status,
        case when refunds.status = 'succeeded' then refunds.updated_at end as refunded_at,
        greatest(refunds._ingested_at, coalesce(payments._ingested_at, refunds._ingested_at)) as known_at,
        refunds._is_deleted or coalesce(payments._is_deleted, false) as _is_gone
    from {{ ref('stg_ledger__refunds') }} as refunds
    left join {{ ref('stg_ledger__payments') }} as payments on refunds.payment_id = payments.payment_id
)

select
    refund_id,
    payment_id,
    merchant_id,
    customer_id,
    currency_code,
    amount_minor,
    reason,
    status,
    refunded_at,
    cast(refunded_at as date) as refunded_on,
    known_at
    {%- if is_incremental() %},
    _is_gone
from joined
        {%- if newest %}
where known_at >= {{ newest }}
        {%- endif %}
    {%- else %}
from joined
where not _is_gone
    {%- endif %}
