-- One row per refund that the source still has, unless its payment was deleted.
{{ config(unique_key='refund_id', incremental_strategy='differences', meta={'ordered_by': 'refunded_at', 'summed_by': ['payment_id', 'status', 'refunded_on']}) }}
{%- set new = any_of([
    is_new('refunds._ingested_at', 'ledger__refunds'),
    names_new_payment('refunds.payment_id'),
    has_new_rate('case when refunds.status = \'succeeded\' then cast(refunds.updated_at as date) end'),
]) %}
{%- set kept = kept_keys(ref('stg_ledger__refunds'), 'refunds', ['refund_id', 'payment_id'], new) %}

with joined as (
    select
        refunds.refund_id,
        refunds.payment_id,
        {{ key_of('customer', 'customers') }},
        {{ key_of('merchant', 'merchants') }},
        {{ key_of('product', 'products') }},
        payments.merchant_id,
        payments.customer_id,
        refunds.currency_code,
        refunds.amount_minor,
        refunds.reason,
        refunds.status,
        case when refunds.status = 'succeeded' then refunds.updated_at end as refunded_at,
        case when refunds.status = 'succeeded' then cast(refunds.updated_at as date) end as refunded_on,
        '{{ reporting_currency() }}' as reporting_currency_code,
        rates.rate_on as fx_rate_on,
        case when refunds.status = 'succeeded' then {{ to_reporting('refunds.amount_minor', 'rates') }} else cast(0 as bigint) end as refunded_reporting_minor,
        greatest(
            refunds._ingested_at,
            coalesce(payments._ingested_at, refunds._ingested_at),
            coalesce(customers.known_at, refunds._ingested_at),
            coalesce(merchants.known_at, refunds._ingested_at),
            coalesce(products.known_at, refunds._ingested_at),
            coalesce(rates.known_at, refunds._ingested_at)
        ) as known_at,
        refunds._is_deleted or coalesce(payments._is_deleted, false) as _is_gone
    from {{ ref('stg_ledger__refunds') }} as refunds
    {{ only(kept, 'refunds', ['refund_id']) }}
    left join (
        select payments.* from {{ ref('stg_ledger__payments') }} as payments
        {{ only(kept, 'payments', ['payment_id']) }}
    ) as payments on refunds.payment_id = payments.payment_id
    {{ join_version('customer', 'customers', 'payments.customer_id', 'payments.requested_at') }}
    {{ join_version('merchant', 'merchants', 'payments.merchant_id', 'payments.requested_at') }}
    {{ join_version('product', 'products', 'payments.product_id', 'payments.requested_at') }}
    left join {{ ref('dim_fx_rates') }} as rates
        on refunds.currency_code = rates.currency_code
        and case when refunds.status = 'succeeded' then cast(refunds.updated_at as date) end = rates.date_on
)

{{ found_rows('joined', new, [
    'refund_id',
    'payment_id',
    'customer_key',
    'merchant_key',
    'product_key',
    'merchant_id',
    'customer_id',
    'currency_code',
    'amount_minor',
    'reporting_currency_code',
    'fx_rate_on',
    'refunded_reporting_minor',
    'reason',
    'status',
    'refunded_at',
    'refunded_on',
    'known_at',
]) }}
