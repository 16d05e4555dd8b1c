select
    'd' || p.payment_id as dispute_id,
    p.payment_id,
    p.currency_code,
    p.disputed_minor as amount_minor,
    case when p.is_fraud_disputed then 'fraudulent' else 'not_received' end as reason,
    case when p.dispute_lost_minor > 0 then 'lost' else 'opened' end as status,
    p.first_disputed_at as opened_at,
    cast(34 as int) as days_since_payment
from fct_payments as p
where p.is_disputed
