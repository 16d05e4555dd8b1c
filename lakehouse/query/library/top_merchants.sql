-- title: Top merchants
-- question: Which ten merchants keep the most money in each currency?
-- grain: currency_code, place
-- owner: merchant-success
with merchants as (
    select
        currency_code,
        merchant_id,
        count(*) as payment_count,
        sum(captured_minor) as captured_minor,
        sum(net_minor) as net_minor
    from gold.fct_payments
    where is_captured
    group by currency_code, merchant_id
),

ranked as (
    select
        currency_code,
        merchant_id,
        payment_count,
        captured_minor,
        net_minor,
        row_number() over (partition by currency_code order by net_minor desc, merchant_id) as place
    from merchants
)

select currency_code, place, merchant_id, payment_count, captured_minor, net_minor
from ranked
where place <= 10
order by currency_code, place
