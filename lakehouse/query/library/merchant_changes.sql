-- title: Merchant changes
-- question: Which merchants have changed, how often, and since when are they as they are?
-- grain: merchant_id
-- owner: payments-platform
select
    merchant_id,
    count(*) as version_count,
    max(case when is_current then display_name end) as display_name,
    max(case when is_current then country_code end) as country_code,
    max(effective_from) as unchanged_since
from gold.dim_merchants
where merchant_id <> '(unknown)'
group by merchant_id
having count(*) > 1
order by merchant_id
