{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ current_state(
    source('ledger', 'disputes'),
    key=['dispute_id'],
    columns=[
        'dispute_id',
        'payment_id',
        'amount_minor',
        'currency_code',
        'reason',
        'status',
        'opened_at',
        'closed_at',
        'created_at',
        'updated_at',
    ],
) }}
