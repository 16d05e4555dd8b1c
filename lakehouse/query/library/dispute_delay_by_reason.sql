-- title: Dispute delay by reason
-- question: How many days after the payment do disputes arrive, by reason and outcome?
-- grain: reason, status
-- owner: risk
select
    reason,
    status,
    count(*) as dispute_count,
    min(days_since_payment) as days_least,
    cast(sum(days_since_payment) as double) / cast(count(*) as double) as days_mean,
    max(days_since_payment) as days_most
from gold.fct_disputes
group by reason, status
order by reason nulls last, status nulls last
