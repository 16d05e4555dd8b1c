select *
from (
    values
    ('pyo_1', 'mer_1', 'EUR', 1500, 'paid', '2026-02-10'),
    ('pyo_2', 'mer_1', 'EUR', 700, 'pending', null)
) as p(payout_id, merchant_id, currency_code, amount_minor, status, paid_on)
