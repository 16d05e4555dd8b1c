-- One row per payment method ever seen, as last known, and one for an unknown one. Nothing personal.
{{ config(unique_key='payment_method_id', incremental_strategy='differences') }}
{%- set new = is_new('_ingested_at', 'ledger__payment_methods') %}
{{ nothing_new() if new == 'false' }}

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
{{ where_(new) }}
{%- if new == 'true' %}
union all
select '(unknown)', null, null, null, null, null, null, {{ beginning() }}
{%- endif %}
