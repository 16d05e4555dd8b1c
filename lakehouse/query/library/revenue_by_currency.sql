-- title: Revenue by currency
-- question: How much was captured in each currency, and what is left of it after fees, refunds and lost disputes?
-- grain: currency_code
-- owner: finance
select
    currency_code,
    metric(revenue_minor) as revenue_minor,
    metric(fee_minor) as fee_minor,
    metric(refunded_minor) as refunded_minor,
    metric(dispute_lost_minor) as dispute_lost_minor,
    metric(net_minor) as net_minor,
    metric(captured_count) as captured_count
from gold.fct_payments
where is_captured
group by currency_code
order by currency_code
