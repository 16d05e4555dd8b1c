-- One row per dispute that the source still has, unless its payment was deleted.
{{ config(unique_key='dispute_id', incremental_strategy='differences', meta={'ordered_by': 'opened_at', 'summed_by': ['payment_id', 'status', 'closed_at']}) }}
{%- set new = any_of([
    is_new('disputes._ingested_at', 'ledger__disputes'),
    names_new_payment('disputes.payment_id'),
    has_new_rate('case when disputes.status = \'lost\' then cast(coalesce(disputes.closed_at, disputes.opened_at) as date) end'),
]) %}
{%- set kept = kept_keys(ref('stg_ledger__disputes'), 'disputes', ['dispute_id', 'payment_id'], new) %}

with joined as (
    select
        disputes.dispute_id,
        disputes.payment_id,
        {{ key_of('customer', 'customers') }},
        {{ key_of('merchant', 'merchants') }},
        {{ key_of('product', 'products') }},
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
        '{{ reporting_currency() }}' as reporting_currency_code,
        rates.rate_on as fx_rate_on,
        case when disputes.status = 'lost' then {{ to_reporting('disputes.amount_minor', 'rates') }} else cast(0 as bigint) end as lost_reporting_minor,
        greatest(
            disputes._ingested_at,
            coalesce(payments._ingested_at, disputes._ingested_at),
            coalesce(customers.known_at, disputes._ingested_at),
            coalesce(merchants.known_at, disputes._ingested_at),
            coalesce(products.known_at, disputes._ingested_at),
            coalesce(rates.known_at, disputes._ingested_at)
        ) as known_at,
        disputes._is_deleted or coalesce(payments._is_deleted, false) as _is_gone
    from {{ ref('stg_ledger__disputes') }} as disputes
    {{ only(kept, 'disputes', ['dispute_id']) }}
    left join (
        select payments.* from {{ ref('stg_ledger__payments') }} as payments
        {{ only(kept, 'payments', ['payment_id']) }}
    ) as payments on disputes.payment_id = payments.payment_id
    {{ join_version('customer', 'customers', 'payments.customer_id', 'payments.requested_at') }}
    {{ join_version('merchant', 'merchants', 'payments.merchant_id', 'payments.requested_at') }}
    {{ join_version('product', 'products', 'payments.product_id', 'payments.requested_at') }}
    left join {{ ref('dim_fx_rates') }} as rates
        on disputes.currency_code = rates.currency_code
        and case when disputes.status = 'lost' then cast(coalesce(disputes.closed_at, disputes.opened_at) as date) end = rates.date_on
)

{{ found_rows('joined', new, [
    'dispute_id',
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
    'lost_reporting_minor',
    'reason',
    'status',
    'opened_at',
    'opened_on',
    'closed_at',
    'days_since_payment',
    'known_at',
]) }}
