-- title: Monthly active customers
-- question: How many different customers asked for a payment in each month, and how many in each channel?
-- grain: year, month, channel
-- owner: growth
select
    days.year,
    days.month,
    coalesce(payments.channel, '(unknown)') as channel,
    metric(customer_count) as customer_count,
    metric(requested_count) as requested_count
from gold.fct_payments as payments
inner join gold.dim_dates as days on payments.requested_on = days.date_on
group by days.year, days.month, coalesce(payments.channel, '(unknown)')
order by days.year, days.month, coalesce(payments.channel, '(unknown)')
