-- One row per payment method ever seen, as last known, and one for an unknown one. Nothing personal.
{{ config(unique_key='payment_method_id', incremental_strategy='differences') }}
{%- set newest = newest_known() %}

select
    payment_method_id,
    customer_id,
    kind,
    brand,
    issuer_country_code,
    expires_on,
    created_at,
    _ingested_at as known_at
from {{ ref('stg_ledger__payment_methods') }}
{%- if newest %}
where _ingested_at >= {{ newest }}
{%- else %}
union all
select '(unknown)', null, null, null, null, null, null, {{ beginning() }}
{%- endif %}
