-- title: Margin of merchants
-- question: What share of its revenue does each merchant keep, per currency?
-- grain: merchant_id, currency_code
-- owner: merchant-success
with merchants as (
    select
        merchant_id,
        currency_code,
        total(revenue_minor) as revenue_minor,
        total(net_minor) as net_minor,
        total(margin_rate) as margin_rate
    from gold.agg_daily_merchant_revenue
    group by merchant_id, currency_code
)

select merchant_id, currency_code, revenue_minor, net_minor, margin_rate
from merchants
order by margin_rate nulls last, merchant_id, currency_code
