-- title: Captures without a rate
-- question: Which captured payments could not be converted, per currency and month?
-- grain: currency_code, year, month
-- owner: finance
select
    payments.currency_code,
    days.year,
    days.month,
    count(*) as without_rate_count,
    sum(payments.captured_minor) as without_rate_minor
from gold.fct_payments as payments
inner join gold.dim_dates as days on payments.captured_on = days.date_on
where payments.is_captured and payments.captured_reporting_minor is null
group by payments.currency_code, days.year, days.month
order by payments.currency_code, days.year, days.month
