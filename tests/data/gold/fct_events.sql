select *, cast(substr(e.occurred_at, 1, 10) as date) as occurred_on
from (
    values
    ('e1', 's1', 'session_started', 1, 'web', 'DE', 'mer_1', '2026-02-01 23:59:00', false),
    ('e2', 's1', 'payment_completed', 5, 'web', 'DE', 'mer_1', '2026-02-02 00:01:00', false),
    ('e3', 's2', 'product_viewed', 2, 'mobile', null, 'mer_1', '2026-02-02 10:00:00', true)
) as e(event_id, session_id, event_name, funnel_step, channel, country_code, merchant_id, occurred_at, is_late)
