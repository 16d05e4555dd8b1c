-- title: Revenue by region
-- question: Where do the customers live who bring revenue, all currencies converted?
-- grain: continent_name, region_name
-- owner: finance
select
    coalesce(places.continent_name, '(unknown)') as continent_name,
    coalesce(places.region_name, '(unknown)') as region_name,
    metric(captured_count) as captured_count,
    metric(customer_count) as customer_count,
    metric(revenue_reporting_minor) as revenue_reporting_minor
from gold.fct_payments as payments
left join gold.dim_geographies as places on payments.customer_country_code = places.country_code
where payments.is_captured
group by 1, 2
order by 1, 2
