-- One row per dispute that the source still has, unless its payment was deleted.
{{ config(unique_key='dispute_id', incremental_strategy='differences') }}
{%- set newest = newest_known() %}

with joined as (
    select
        disputes.dispute_id,
        disputes.payment_id,
        payments.merchant_id,
        payments.customer_id,
        disputes.currency_code,
        disputes.amount_minor,
        disputes.reason,
        disputes.status,
        disputes.opened_at,
        cast(disputes.opened_at as date) as opened_on,
        disputes.closed_at,
        datediff(cast(disputes.opened_at as date), cast(payments.requested_at as date)) as days_since_payment,
        greatest(disputes._ingested_at, coalesce(payments._ingested_at, disputes._ingested_at)) as known_at,
        disputes._is_deleted or coalesce(payments._is_deleted, false) as _is_gone
    from {{ ref('stg_ledger__disputes') }} as disputes
    left join {{ ref('stg_ledger__payments') }} as payments on disputes.payment_id = payments.payment_id
)

select
    dispute_id,
    payment_id,
    merchant_id,
    customer_id,
    currency_code,
    amount_minor,
    reason,
    status,
    opened_at,
    opened_on,
    closed_at,
    days_since_payment,
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
