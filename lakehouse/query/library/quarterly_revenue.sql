-- title: Quarterly revenue
-- question: How do revenue, fees and margin develop from quarter to quarter in each currency?
-- grain: currency_code, starts_on
-- owner: finance
select currency_code, starts_on, captured_count, revenue_minor, fee_minor, net_minor, average_basket_minor, margin_rate
from gold.agg_periodic_payments
where period = 'quarter' and level = 'total'
order by currency_code, starts_on
