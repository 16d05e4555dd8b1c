{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ current_state(
    source('ledger', 'payouts'),
    key=['payout_id'],
    columns=[
        'payout_id',
        'merchant_id',
        'amount_minor',
        'currency_code',
        'status',
        'period_start_on',
        'period_end_on',
        'paid_at',
        'created_at',
        'updated_at',
    ],
) }}
