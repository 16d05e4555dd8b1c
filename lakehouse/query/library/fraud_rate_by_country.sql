-- title: Fraud rate by country
-- question: From which countries come the payments that are disputed as fraud, by where the payer's address was?
-- grain: ip_country_code
-- owner: risk
with countries as (
    select
        ip_country_code,
        metric(captured_count) as captured_count,
        metric(fraud_disputed_count) as fraud_disputed_count,
        metric(customer_count) as customer_count,
        metric(fraud_rate) as fraud_rate,
        min(first_disputed_at) as first_disputed_at
    from gold.fct_payments
    where is_captured
    group by ip_country_code
)

select ip_country_code, captured_count, fraud_disputed_count, customer_count, fraud_rate, first_disputed_at
from countries
order by fraud_rate desc nulls last, ip_country_code nulls last
