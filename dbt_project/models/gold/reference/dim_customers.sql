-- One row per customer ever seen, as last known. One that the source deleted stays: facts point to it.
{{ config(unique_key='customer_id', incremental_strategy='differences') }}
{%- set newest = newest_known() %}

select
    customer_id,
    country_code,
    created_at,
    _ingested_at as known_at
from {{ ref('stg_ledger__customers') }}
{%- if newest %}
where _ingested_at >= {{ newest }}
{%- endif %}
