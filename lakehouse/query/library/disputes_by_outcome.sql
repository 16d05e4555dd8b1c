-- title: Disputes by outcome
-- question: How do disputes end, and what is at stake, per reason and currency?
-- grain: reason, status, currency_code
-- owner: risk
select
    reason,
    status,
    currency_code,
    count(*) as dispute_count,
    sum(amount_minor) as amount_minor,
    min(opened_on) as first_opened_on,
    max(opened_on) as last_opened_on
from gold.fct_disputes
group by reason, status, currency_code
order by reason nulls last, status nulls last, currency_code nulls last
