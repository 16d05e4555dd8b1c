-- title: Customers with several disputes
-- question: Which customers disputed more than one payment?
-- grain: customer_id
-- owner: risk
select
    customer_id,
    metric(captured_count) as captured_count,
    metric(disputed_count) as disputed_count,
    metric(fraud_disputed_count) as fraud_disputed_count,
    metric(dispute_rate) as dispute_rate
from gold.fct_payments
where customer_id is not null
group by customer_id
having sum(case when is_disputed then 1 else 0 end) > 1
order by customer_id
