-- One row per entry of the ledger that the source still has: debits positive, credits negative.
{{ config(unique_key='entry_id', incremental_strategy='differences', meta={'ordered_by': 'posted_at'}) }}
{%- set new = any_of([
    is_new('entries._ingested_at', 'ledger__ledger_entries'),
    names_new_version('entries', 'merchant'),
]) %}

with joined as (
    select
        entries.entry_id,
        {{ key_of('merchant', 'merchants') }},
        entries.transaction_id,
        entries.account,
        entries.merchant_id,
        entries.payment_id,
        entries.payout_id,
        entries.currency_code,
        entries.amount_minor,
        entries.posted_at,
        cast(entries.posted_at as date) as posted_on,
        greatest(entries._ingested_at, coalesce(merchants.known_at, entries._ingested_at)) as known_at,
        entries._is_deleted as _is_gone
    from {{ ref('stg_ledger__ledger_entries') }} as entries
    {{ join_version('merchant', 'merchants', 'entries.merchant_id', 'entries.posted_at') }}
    {{ where_(new) }}
)

{{ found_rows('joined', new, [
    'entry_id',
    'merchant_key',
    'transaction_id',
    'account',
    'merchant_id',
    'payment_id',
    'payout_id',
    'currency_code',
    'amount_minor',
    'posted_at',
    'posted_on',
    'known_at',
]) }}
