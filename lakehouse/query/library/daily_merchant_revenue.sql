-- title: Daily merchant revenue
-- question: What did each merchant take, pay and keep on each of the last seven days on which anything happened?
-- grain: day_on, merchant_id, currency_code
-- owner: merchant-success
with days as (
    select distinct day_on
    from gold.agg_daily_merchant_revenue
),

latest as (
    select day_on, row_number() over (order by day_on desc) as days_back
    from days
)

select
    revenue.day_on,
    revenue.merchant_id,
    revenue.currency_code,
    revenue.captured_count,
    revenue.revenue_minor,
    revenue.fee_minor,
    revenue.refunded_minor,
    revenue.dispute_lost_minor,
    revenue.net_minor
from gold.agg_daily_merchant_revenue as revenue
inner join latest on revenue.day_on = latest.day_on
where latest.days_back <= 7
order by revenue.day_on desc, revenue.merchant_id, revenue.currency_code
