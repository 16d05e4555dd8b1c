-- One row per payout that the source still has.
{{ config(unique_key='payout_id', incremental_strategy='differences', meta={'ordered_by': 'created_at'}) }}
{%- set new = any_of([
    is_new('payouts._ingested_at', 'ledger__payouts'),
    names_new_version('payouts', 'merchant'),
]) %}

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
    {{ where_(new) }}
)

{{ found_rows('joined', new, [
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
