-- One row per payment that the source still has. Only payments that something new was learnt about are computed.
{{ config(unique_key='payment_id', incremental_strategy='differences', meta={'ordered_by': 'requested_at', 'summed_by': ['is_captured', 'captured_on', 'customer_id']}) }}
{%- set new = any_of([
    is_new('payments._ingested_at', 'ledger__payments'),
    names_new('payments.payment_id', ref('stg_ledger__refunds'), 'payment_id', '_ingested_at', 'ledger__refunds'),
    names_new('payments.payment_id', ref('stg_ledger__disputes'), 'payment_id', '_ingested_at', 'ledger__disputes'),
    names_former('payments.payment_id', ref('fct_refunds'), 'payment_id'),
    names_former('payments.payment_id', ref('fct_disputes'), 'payment_id'),
    names_new_version('payments', 'customer'),
    names_new_version('payments', 'merchant'),
    names_new_version('payments', 'product'),
    names_new('payments.payment_method_id', ref('dim_payment_methods'), 'payment_method_id', 'known_at', 'ledger__payment_methods'),
    has_new_rate('cast(payments.captured_at as date)'),
]) %}
{%- set kept = kept_keys(ref('stg_ledger__payments'), 'payments', ['payment_id', 'requested_at'], new) %}

with payments as (
    select payments.* from {{ ref('stg_ledger__payments') }} as payments
    {{ only(kept, 'payments', ['payment_id'], time='requested_at') }}
),

refunds as (
    select
        payment_id,
        sum(case when status = 'succeeded' and not _is_deleted then amount_minor else 0 end) as refunded_minor,
        sum(case when status = 'succeeded' and not _is_deleted then 1 else 0 end) as refund_count,
        max(_ingested_at) as known_at
    from {{ ref('stg_ledger__refunds') }} as refunds
    {{ only(kept, 'refunds', ['payment_id']) }}
    group by payment_id
),

disputes as (
    select
        payment_id,
        sum(case when not _is_deleted then amount_minor else 0 end) as disputed_minor,
        sum(case when status = 'lost' and not _is_deleted then amount_minor else 0 end) as dispute_lost_minor,
        sum(case when not _is_deleted then 1 else 0 end) as dispute_count,
        max(case when reason = 'fraudulent' and not _is_deleted then 1 else 0 end) as fraud_disputed,
        min(case when not _is_deleted then opened_at end) as first_disputed_at,
        max(_ingested_at) as known_at
    from {{ ref('stg_ledger__disputes') }} as disputes
    {{ only(kept, 'disputes', ['payment_id']) }}
    group by payment_id
),

joined as (
    select
        payments.payment_id,
        {{ key_of('customer', 'customers') }},
        {{ key_of('merchant', 'merchants') }},
        {{ key_of('product', 'products') }},
        payments.customer_id,
        payments.merchant_id,
        payments.product_id,
        payments.payment_method_id,
        methods.kind as payment_method_kind,
        payments.channel,
        payments.status,
        payments.failure_code,
        payments.currency_code,
        customers.country_code as customer_country_code,
        merchants.country_code as merchant_country_code,
        methods.issuer_country_code,
        payments.ip_country_code,
        merchants.merchant_category_code,
        payments.amount_minor,
        case when payments.status = 'captured' then payments.amount_minor else cast(0 as bigint) end as captured_minor,
        payments.fee_minor,
        cast(coalesce(refunds.refunded_minor, 0) as bigint) as refunded_minor,
        cast(coalesce(disputes.disputed_minor, 0) as bigint) as disputed_minor,
        cast(coalesce(disputes.dispute_lost_minor, 0) as bigint) as dispute_lost_minor,
        cast(coalesce(refunds.refund_count, 0) as bigint) as refund_count,
        cast(coalesce(disputes.dispute_count, 0) as bigint) as dispute_count,
        coalesce(disputes.fraud_disputed, 0) = 1 as is_fraud_disputed,
        rates.rate as fx_rate,
        rates.rate_on as fx_rate_on,
        case when payments.status = 'captured' then {{ to_reporting('payments.amount_minor', 'rates') }} else cast(0 as bigint) end as captured_reporting_minor,
        case when payments.status = 'captured' then {{ to_reporting('payments.fee_minor', 'rates') }} else cast(0 as bigint) end as fee_reporting_minor,
        payments.requested_at,
        payments.authorized_at,
        payments.captured_at,
        payments.failed_at,
        disputes.first_disputed_at,
        greatest(
            payments._ingested_at,
            coalesce(refunds.known_at, payments._ingested_at),
            coalesce(disputes.known_at, payments._ingested_at),
            coalesce(customers.known_at, payments._ingested_at),
            coalesce(merchants.known_at, payments._ingested_at),
            coalesce(products.known_at, payments._ingested_at),
            coalesce(methods.known_at, payments._ingested_at),
            coalesce(rates.known_at, payments._ingested_at)
        ) as known_at,
        payments._is_deleted as _is_gone
    from payments
    left join refunds on payments.payment_id = refunds.payment_id
    left join disputes on payments.payment_id = disputes.payment_id
    {{ join_version('customer', 'customers', 'payments.customer_id', 'payments.requested_at') }}
    {{ join_version('merchant', 'merchants', 'payments.merchant_id', 'payments.requested_at') }}
    {{ join_version('product', 'products', 'payments.product_id', 'payments.requested_at') }}
    left join {{ ref('dim_payment_methods') }} as methods on payments.payment_method_id = methods.payment_method_id
    left join {{ ref('dim_fx_rates') }} as rates
        on payments.currency_code = rates.currency_code
        and cast(payments.captured_at as date) = rates.date_on
)

{{ found_rows('joined', new, [
    'payment_id',
    'customer_key',
    'merchant_key',
    'product_key',
    'customer_id',
    'merchant_id',
    'product_id',
    'payment_method_id',
    'payment_method_kind',
    'channel',
    'status',
    'failure_code',
    'currency_code',
    'customer_country_code',
    'merchant_country_code',
    'issuer_country_code',
    'ip_country_code',
    'merchant_category_code',
    'amount_minor',
    'captured_minor',
    'fee_minor',
    'refunded_minor',
    'disputed_minor',
    'dispute_lost_minor',
    'captured_minor - fee_minor - refunded_minor - dispute_lost_minor as net_minor',
    "'" ~ reporting_currency() ~ "' as reporting_currency_code",
    'fx_rate',
    'fx_rate_on',
    'captured_reporting_minor',
    'fee_reporting_minor',
    'refund_count',
    'dispute_count',
    "status = 'captured' as is_captured",
    'refund_count > 0 as is_refunded',
    'dispute_count > 0 as is_disputed',
    'is_fraud_disputed',
    'requested_at',
    'authorized_at',
    'captured_at',
    'failed_at',
    'first_disputed_at',
    'cast(requested_at as date) as requested_on',
    'cast(captured_at as date) as captured_on',
    'known_at',
]) }}
