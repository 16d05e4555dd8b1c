{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ history(
    source('ledger', 'customers'),
    key=['customer_id'],
    columns=[
        'customer_id',
        'full_name',
        'email',
        'phone',
        'birth_on',
        'country_code',
        'created_at',
        'updated_at',
    ],
) }}
