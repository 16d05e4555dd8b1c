-- title: Top products
-- question: Which ten products bring the most revenue in each currency?
-- grain: currency_code, place
-- owner: growth
with products as (
    select
        currency_code,
        product_id,
        total(captured_count) as captured_count,
        total(revenue_minor) as revenue_minor,
        total(refund_rate) as refund_rate
    from gold.agg_product_performance
    group by currency_code, product_id
),

ranked as (
    select
        currency_code,
        product_id,
        captured_count,
        revenue_minor,
        refund_rate,
        row_number() over (partition by currency_code order by revenue_minor desc, product_id) as place
    from products
)

select currency_code, place, product_id, captured_count, revenue_minor, refund_rate
from ranked
where place <= 10
order by currency_code, place
