-- title: Daily merchant revenue
-- question: What did each merchant take, pay and keep on each of the last seven days on which anything happened?
-- grain: activity_on, merchant_id, currency_code
-- owner: merchant-success
with days as (
    select distinct activity_on
    from gold.agg_daily_merchant_revenue
),

latest as (
    select activity_on, row_number() over (order by activity_on desc) as days_back
    from days
)

select
    revenue.activity_on,
    revenue.merchant_id,
    revenue.currency_code,
    revenue.payment_count,
    revenue.gross_minor,
    revenue.fee_minor,
    revenue.refunded_minor,
    revenue.dispute_lost_minor,
    revenue.net_minor
from gold.agg_daily_merchant_revenue as revenue
inner join latest on revenue.activity_on = latest.activity_on
where latest.days_back <= 7
order by revenue.activity_on desc, revenue.merchant_id, revenue.currency_code
