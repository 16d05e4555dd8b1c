-- title: Payouts by status
-- question: How much was paid out to merchants, and how much waits, per currency?
-- grain: status, currency_code
-- owner: finance
select
    status,
    currency_code,
    count(*) as payout_count,
    sum(amount_minor) as amount_minor,
    max(paid_on) as last_paid_on
from gold.fct_payouts
group by status, currency_code
order by status nulls last, currency_code
