select
    'r' || p.payment_id as refund_id,
    p.payment_id,
    p.currency_code,
    p.refunded_minor as amount_minor,
    case when p.refunded_minor > 600 then 'duplicate' else 'requested_by_customer' end as reason,
    'succeeded' as status,
    cast('2026-02-20 12:00:00.987654' as timestamp) as refunded_at,
    cast('2026-02-20' as date) as refunded_on
from fct_payments as p
where p.refunded_minor > 0
