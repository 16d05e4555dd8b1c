-- title: Refund rate by merchant category
-- question: In which merchant categories is captured money given back most often, and how much of it, per currency?
-- grain: merchant_category_code, currency_code
-- owner: finance
with categories as (
    select
        merchant_category_code,
        currency_code,
        metric(captured_count) as captured_count,
        metric(refunded_count) as refunded_count,
        metric(revenue_minor) as revenue_minor,
        metric(refunded_minor) as refunded_minor,
        metric(refund_rate) as refund_rate
    from gold.fct_payments
    where is_captured
    group by merchant_category_code, currency_code
)

select merchant_category_code, currency_code, captured_count, refunded_count, revenue_minor, refunded_minor, refund_rate
from categories
order by refund_rate desc nulls last, merchant_category_code nulls last, currency_code nulls last
