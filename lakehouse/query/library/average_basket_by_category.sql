-- title: Average basket by category
-- question: How much is an average captured payment worth in each product category, per currency?
-- grain: category, currency_code
-- owner: finance
select
    products.category,
    payments.currency_code,
    metric(captured_count) as captured_count,
    metric(average_basket_minor) as average_basket_minor
from gold.fct_payments as payments
inner join gold.dim_products as products on payments.product_key = products.product_key
where payments.is_captured
group by products.category, payments.currency_code
order by products.category nulls last, payments.currency_code
