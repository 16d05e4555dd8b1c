-- title: Fraud dispute rate by country
-- question: From which countries come the payments that are disputed as fraud, by where the payer's address was?
-- grain: ip_country_code
-- owner: risk
with countries as (
    select
        ip_country_code,
        count(*) as captured_count,
        sum(case when is_fraud_disputed then 1 else 0 end) as fraud_disputed_count,
        count(distinct customer_id) as customer_count,
        min(first_disputed_at) as first_disputed_at
    from gold.fct_payments
    where is_captured
    group by ip_country_code
)

select
    ip_country_code,
    captured_count,
    fraud_disputed_count,
    customer_count,
    cast(fraud_disputed_count as double) / cast(captured_count as double) as fraud_dispute_rate,
    first_disputed_at
from countries
order by fraud_dispute_rate desc, ip_country_code nulls last
