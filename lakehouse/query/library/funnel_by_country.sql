-- title: Funnel by country
-- question: In which countries do sessions end in a payment?
-- grain: country_code
-- owner: growth
select
    country_code,
    total(session_count) as session_count,
    total(checkout_count) as checkout_count,
    total(completed_count) as completed_count,
    total(session_conversion_rate) as session_conversion_rate
from gold.agg_daily_funnel
where level = 'country_code'
group by country_code
order by country_code
