-- title: Dispute rate by month
-- question: What share of the payments captured in each month was disputed later, and how much of that as fraud?
-- grain: year, month
-- owner: risk
with months as (
    select
        days.year,
        days.month,
        count(*) as captured_count,
        sum(case when payments.is_disputed then 1 else 0 end) as disputed_count,
        sum(case when payments.is_fraud_disputed then 1 else 0 end) as fraud_disputed_count
    from gold.fct_payments as payments
    inner join gold.dim_dates as days on payments.captured_on = days.date_on
    where payments.is_captured
    group by days.year, days.month
)

select
    year,
    month,
    captured_count,
    disputed_count,
    fraud_disputed_count,
    cast(disputed_count as double) / cast(captured_count as double) as dispute_rate,
    cast(fraud_disputed_count as double) / cast(captured_count as double) as fraud_dispute_rate
from months
order by year, month
