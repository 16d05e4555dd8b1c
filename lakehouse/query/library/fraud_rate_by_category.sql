-- title: Fraud rate by merchant category
-- question: Which merchant categories attract fraud, over all months?
-- grain: merchant_category_code
-- owner: risk
with categories as (
    select
        merchant_category_code,
        total(captured_count) as captured_count,
        total(fraud_disputed_count) as fraud_disputed_count,
        total(fraud_rate) as fraud_rate
    from gold.agg_monthly_fraud_statistics
    where level = 'merchant_category_code'
    group by merchant_category_code
)

select merchant_category_code, captured_count, fraud_disputed_count, fraud_rate
from categories
order by fraud_rate desc nulls last, merchant_category_code
