-- One row per merchant ever seen, as last known. One that the source deleted stays: facts point to it.
{{ config(unique_key='merchant_id', incremental_strategy='differences') }}
{%- set newest = newest_known() %}

select
    merchant_id,
    legal_name,
    display_name,
    merchant_category_code,
    country_code,
    settlement_currency_code,
    fee_rate_bps,
    fee_fixed_minor,
    status,
    onboarded_at,
    created_at,
    _ingested_at as known_at
from {{ ref('stg_ledger__merchants') }}
{%- if newest %}
where _ingested_at >= {{ newest }}
{%- endif %}
