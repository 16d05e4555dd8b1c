select
    p.merchant_id,
    p.currency_code,
    p.captured_on as activity_on,
    cast(count(*) as bigint) as payment_count,
    cast(sum(p.captured_minor) as bigint) as gross_minor,
    cast(sum(p.fee_minor) as bigint) as fee_minor,
    cast(sum(p.refunded_minor) as bigint) as refunded_minor,
    cast(sum(p.dispute_lost_minor) as bigint) as dispute_lost_minor,
    cast(sum(p.net_minor) as bigint) as net_minor
from fct_payments as p
where p.is_captured
group by p.merchant_id, p.currency_code, p.captured_on
