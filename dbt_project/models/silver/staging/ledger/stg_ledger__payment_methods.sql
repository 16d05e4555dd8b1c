{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ current_state(
    source('ledger', 'payment_methods'),
    key=['payment_method_id'],
    columns=[
        'payment_method_id',
        'customer_id',
        'kind',
        'brand',
        'card_last4',
        'fingerprint',
        'issuer_country_code',
        'expires_on',
        'created_at',
        'updated_at',
    ],
) }}
