-- title: Average basket by channel
-- question: How much is an average captured payment worth in each channel, from quarter to quarter, per currency?
-- grain: starts_on, channel, currency_code
-- owner: finance
select starts_on, channel, currency_code, captured_count, revenue_minor, average_basket_minor
from gold.agg_periodic_payments
where period = 'quarter' and level = 'channel'
order by starts_on, channel, currency_code
