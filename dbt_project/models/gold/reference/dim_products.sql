-- One row per product ever seen, as last known. One that the source deleted stays: facts point to it.
{{ config(unique_key='product_id', incremental_strategy='differences') }}
{%- set newest = newest_known() %}

select
    product_id,
    merchant_id,
    name,
    category,
    price_minor,
    currency_code,
    status,
    created_at,
    _ingested_at as known_at
from {{ ref('stg_ledger__products') }}
{%- if newest %}
where _ingested_at >= {{ newest }}
{%- endif %}
