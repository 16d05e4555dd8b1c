-- title: Channel mix by month
-- question: How does revenue divide among channels from month to month, per currency?
-- grain: starts_on, currency_code, channel
-- owner: growth
select starts_on, currency_code, channel, requested_count, captured_count, revenue_minor, conversion_rate
from gold.agg_periodic_payments
where period = 'month' and level = 'channel'
order by starts_on, currency_code, channel
