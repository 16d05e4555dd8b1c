{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ first_event(
    source('events', 'checkout'),
    id_column='event_id',
    time_column='occurred_at',
    horizon_hours=168,
    columns=[
        'event_id',
        'event_name',
        'session_id',
        'customer_id',
        'merchant_id',
        'product_id',
        'payment_id',
        'channel',
        'country_code',
        'occurred_at',
    ],
) }}
