{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ current_state(
    source('ledger', 'fx_rates'),
    key=['base_currency_code', 'quote_currency_code', 'rate_on'],
    columns=[
        'base_currency_code',
        'quote_currency_code',
        'rate_on',
        'rate',
        'created_at',
    ],
) }}
