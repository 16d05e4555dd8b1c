{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ first_event(
    source('events', 'webhook'),
    id_column='event_id',
    time_column='occurred_at',
    horizon_hours=168,
    columns=[
        'event_id',
        'provider',
        'event_type',
        'payment_id',
        'payload',
        'occurred_at',
    ],
) }}
