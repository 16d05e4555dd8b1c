-- title: Top customers
-- question: Which ten customers have brought the most until now, in each currency?
-- grain: currency_code, place
-- owner: growth
with ranked as (
    select
        currency_code,
        customer_id,
        captured_count,
        lifetime_value_minor,
        average_basket_minor,
        row_number() over (partition by currency_code order by lifetime_value_minor desc, customer_id) as place
    from gold.agg_customer_lifetime
)

select currency_code, place, customer_id, captured_count, lifetime_value_minor, average_basket_minor
from ranked
where place <= 10
order by currency_code, place
