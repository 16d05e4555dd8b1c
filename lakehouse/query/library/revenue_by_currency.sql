-- title: Revenue by currency
-- question: How much was captured in each currency, and what is left of it after fees, refunds and lost disputes?
-- grain: currency_code
-- owner: finance
select
    currency_code,
    sum(captured_minor) as captured_minor,
    sum(fee_minor) as fee_minor,
    sum(refunded_minor) as refunded_minor,
    sum(dispute_lost_minor) as dispute_lost_minor,
    sum(net_minor) as net_minor,
    count(*) as payment_count
from gold.fct_payments
where is_captured
group by currency_code
order by currency_code
