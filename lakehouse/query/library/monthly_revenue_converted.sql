-- title: Monthly revenue in one currency
-- question: What came in, went back and was kept in each month, all currencies converted at the rates of their days?
-- grain: year, month
-- owner: finance
select
    days.year,
    days.month,
    total(revenue_reporting_minor) as revenue_reporting_minor,
    total(fee_reporting_minor) as fee_reporting_minor,
    total(refunded_reporting_minor) as refunded_reporting_minor,
    total(dispute_lost_reporting_minor) as dispute_lost_reporting_minor,
    total(net_reporting_minor) as net_reporting_minor,
    count(*) - count(net_reporting_minor) as without_rate_count
from gold.agg_daily_merchant_revenue as revenue
inner join gold.dim_dates as days on revenue.day_on = days.date_on
group by days.year, days.month
order by days.year, days.month
