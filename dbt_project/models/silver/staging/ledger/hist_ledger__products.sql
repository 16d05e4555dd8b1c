{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ history(
    source('ledger', 'products'),
    key=['product_id'],
    columns=[
        'product_id',
        'merchant_id',
        'name',
        'category',
        'price_minor',
        'currency_code',
        'status',
        'created_at',
        'updated_at',
    ],
) }}
