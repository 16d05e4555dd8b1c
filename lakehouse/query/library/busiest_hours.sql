-- title: Busiest hours
-- question: At which hours of the day (UTC) are payments asked for, and how many succeed?
-- grain: hour_of_day
-- owner: payments-platform
select
    extract(hour from hour_at) as hour_of_day,
    total(requested_count) as requested_count,
    total(failed_count) as failed_count,
    total(conversion_rate) as conversion_rate
from gold.agg_hourly_payments
group by extract(hour from hour_at)
order by extract(hour from hour_at)
