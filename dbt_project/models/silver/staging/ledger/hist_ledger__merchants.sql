{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ history(
    source('ledger', 'merchants'),
    key=['merchant_id'],
    columns=[
        'merchant_id',
        'legal_name',
        'display_name',
        'merchant_category_code',
        'country_code',
        'settlement_currency_code',
        'fee_rate_bps',
        'fee_fixed_minor',
        'status',
        'onboarded_at',
        'created_at',
        'updated_at',
    ],
) }}
