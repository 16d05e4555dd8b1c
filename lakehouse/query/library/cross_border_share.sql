-- title: Cross-border share
-- question: What share of captured payments, and of the money in each currency, was paid from another country?
-- grain: currency_code
-- owner: finance
with crossings as (
    select
        currency_code,
        metric(captured_count) as captured_count,
        metric(revenue_minor) as revenue_minor,
        sum(case when issuer_country_code <> merchant_country_code then 1 else 0 end) as cross_border_count,
        sum(case when issuer_country_code <> merchant_country_code then captured_minor else 0 end) as cross_border_minor
    from gold.fct_payments
    where is_captured
    group by currency_code
)

select
    currency_code,
    captured_count,
    revenue_minor,
    cross_border_count,
    cross_border_minor,
    cast(cross_border_count as double) / cast(captured_count as double) as cross_border_rate,
    cast(cross_border_minor as double) / cast(nullif(revenue_minor, 0) as double) as cross_border_amount_rate
from crossings
order by currency_code
