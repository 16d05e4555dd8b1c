-- title: Refunds by reason
-- question: Why is money given back, how often does that succeed, and how much is it, per currency?
-- grain: reason, status, currency_code
-- owner: merchant-success
select
    reason,
    status,
    currency_code,
    count(*) as refund_count,
    sum(amount_minor) as amount_minor,
    max(refunded_at) as last_refunded_at
from gold.fct_refunds
group by reason, status, currency_code
order by reason nulls last, status nulls last, currency_code nulls last
