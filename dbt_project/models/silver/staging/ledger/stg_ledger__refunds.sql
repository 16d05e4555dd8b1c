{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ current_state(
    source('ledger', 'refunds'),
    key=['refund_id'],
    columns=[
        'refund_id',
        'payment_id',
        'amount_minor',
        'currency_code',
        'reason',
        'status',
        'created_at',
        'updated_at',
    ],
) }}
