-- One row per payout that the source still has.
{{ config(unique_key='payout_id', incremental_strategy='differences') }}
{%- set newest = newest_known() %}

with joined as (
    select
        payouts.payout_id,
        {{ key_of('merchant', 'merchants') }},
        payouts.merchant_id,
        payouts.currency_code,
        payouts.amount_minor,
        payouts.status,
        payouts.period_start_on,
        payouts.period_end_on,
        payouts.created_at,
        payouts.paid_at,
        cast(payouts.paid_at as date) as paid_on,
        greatest(payouts._ingested_at, coalesce(merchants.known_at, payouts._ingested_at)) as known_at,
        payouts._is_deleted as _is_gone
    from {{ ref('stg_ledger__payouts') }} as payouts
    {{ join_version('merchant', 'merchants', 'payouts.merchant_id', 'payouts.created_at') }}
)

{{ only_new('joined', newest, [
    'payout_id',
    'merchant_key',
    'merchant_id',
    'currency_code',
    'amount_minor',
    'status',
    'period_start_on',
    'period_end_on',
    'created_at',
    'paid_at',
    'paid_on',
    'known_at',
]) }}
