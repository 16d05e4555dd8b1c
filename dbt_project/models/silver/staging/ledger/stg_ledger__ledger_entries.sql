{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ current_state(
    source('ledger', 'ledger_entries'),
    key=['entry_id'],
    columns=[
        'entry_id',
        'transaction_id',
        'account',
        'merchant_id',
        'payment_id',
        'payout_id',
        'amount_minor',
        'currency_code',
        'posted_at',
    ],
) }}
