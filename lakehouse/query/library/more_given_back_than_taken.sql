-- title: More given back than taken
-- question: Of which payments was more given back, by refunds and lost disputes, than was captured?
-- grain: payment_id
-- owner: risk
select payment_id, merchant_id, currency_code, captured_minor, refunded_minor, dispute_lost_minor, net_minor
from gold.fct_payments
where refunded_minor + dispute_lost_minor > captured_minor
order by payment_id
