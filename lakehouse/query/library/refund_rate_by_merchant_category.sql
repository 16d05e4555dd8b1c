-- title: Refund rate by merchant category
-- question: In which merchant categories is captured money given back most often, and how much of it, per currency?
-- grain: merchant_category_code, currency_code
-- owner: finance
with captured as (
    select
        merchant_category_code,
        currency_code,
        count(*) as captured_count,
        sum(case when is_refunded then 1 else 0 end) as refunded_count,
        sum(captured_minor) as captured_minor,
        sum(refunded_minor) as refunded_minor
    from gold.fct_payments
    where is_captured
    group by merchant_category_code, currency_code
)

select
    merchant_category_code,
    currency_code,
    captured_count,
    refunded_count,
    captured_minor,
    refunded_minor,
    cast(refunded_count as double) / cast(captured_count as double) as refund_rate
from captured
order by refund_rate desc nulls last, merchant_category_code nulls last, currency_code nulls last
