-- title: Dispute rate by month
-- question: What share of the payments captured in each month was disputed later, and how much of that as fraud?
-- grain: year, month
-- owner: risk
select
    days.year,
    days.month,
    metric(captured_count) as captured_count,
    metric(disputed_count) as disputed_count,
    metric(fraud_disputed_count) as fraud_disputed_count,
    metric(dispute_rate) as dispute_rate,
    metric(fraud_rate) as fraud_rate
from gold.fct_payments as payments
inner join gold.dim_dates as days on payments.captured_on = days.date_on
where payments.is_captured
group by days.year, days.month
order by days.year, days.month
