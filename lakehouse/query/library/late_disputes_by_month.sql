-- title: Late disputes by month
-- question: Of which months do disputes come in after more than thirty days, so that an earlier answer lacked them?
-- grain: month_on
-- owner: risk
select
    month_on,
    total(captured_count) as captured_count,
    total(disputed_count) as disputed_count,
    total(late_disputed_count) as late_disputed_count,
    max(known_at) as known_at
from gold.agg_monthly_fraud_statistics
where level = 'total'
group by month_on
order by month_on
