-- title: Payments by weekday
-- question: On which days of the week are payments asked for?
-- grain: iso_day_of_week
-- owner: payments-platform
select
    days.iso_day_of_week,
    metric(requested_count) as requested_count,
    metric(failed_count) as failed_count,
    metric(conversion_rate) as conversion_rate
from gold.fct_payments as payments
inner join gold.dim_dates as days on payments.requested_on = days.date_on
group by days.iso_day_of_week
order by days.iso_day_of_week
