-- title: Fraud rate by channel
-- question: How does the share of payments disputed as fraud develop in each channel?
-- grain: channel, currency_code, month_on
-- owner: risk
select channel, currency_code, month_on, captured_count, fraud_disputed_count, fraud_rate, dispute_rate
from gold.agg_monthly_fraud_statistics
where level = 'channel'
order by channel, currency_code, month_on
