-- title: Top merchants
-- question: Which ten merchants keep the most money in each currency?
-- grain: currency_code, place
-- owner: merchant-success
with merchants as (
    select
        currency_code,
        merchant_id,
        metric(captured_count) as captured_count,
        metric(revenue_minor) as revenue_minor,
        metric(net_minor) as net_minor
    from gold.fct_payments
    where is_captured
    group by currency_code, merchant_id
),

ranked as (
    select
        currency_code,
        merchant_id,
        captured_count,
        revenue_minor,
        net_minor,
        row_number() over (partition by currency_code order by net_minor desc, merchant_id nulls last) as place
    from merchants
)

select currency_code, place, merchant_id, captured_count, revenue_minor, net_minor
from ranked
where place <= 10
order by currency_code, place
