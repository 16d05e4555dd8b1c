-- One row per currency of ISO 4217 that has a minor unit: the same as in lakehouse/money.py.
{{ config(unique_key='currency_code', incremental_strategy='differences', meta={'complete': true}) }}

select currency_code, minor_digits
from values
    {%- for digits, codes in minor_digits().items() %}
    {%- set is_last_line = loop.last %}
    {%- for code in codes.split() %}
    ('{{ code }}', {{ digits }}){{ ',' if not (is_last_line and loop.last) }}
    {%- endfor %}
    {%- endfor %}
as currencies(currency_code, minor_digits)
