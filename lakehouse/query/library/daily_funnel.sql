-- title: Daily funnel
-- question: How far did the checkout sessions of each day come?
-- grain: day_on
-- owner: growth
select
    day_on,
    session_count,
    viewed_count,
    checkout_count,
    submitted_count,
    completed_count,
    session_conversion_rate
from gold.agg_daily_funnel
where level = 'total'
order by day_on
