-- title: Price versions
-- question: Which products changed their price, how often, and between what?
-- grain: product_id, currency_code
-- owner: growth
select
    product_id,
    currency_code,
    count(*) as version_count,
    min(price_minor) as lowest_price_minor,
    max(price_minor) as highest_price_minor
from gold.dim_products
where product_id <> '(unknown)'
group by product_id, currency_code
having min(price_minor) <> max(price_minor)
order by product_id, currency_code nulls last
