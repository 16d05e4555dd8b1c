-- title: Customers by first month
-- question: Of the customers who came in each month, how many pay again in a later one?
-- grain: year, month
-- owner: growth
with months as (
    select distinct payments.customer_id, days.year, days.month, days.year * 12 + days.month as ordinal
    from gold.fct_payments as payments
    inner join gold.dim_dates as days on payments.captured_on = days.date_on
    where payments.is_captured and payments.customer_id is not null
),

customers as (
    select customer_id, min(ordinal) as first_ordinal, max(ordinal) as last_ordinal
    from months
    group by customer_id
)

select
    months.year,
    months.month,
    count(*) as new_customer_count,
    sum(case when customers.last_ordinal > customers.first_ordinal then 1 else 0 end) as returning_customer_count
from customers
inner join months on customers.customer_id = months.customer_id and customers.first_ordinal = months.ordinal
group by months.year, months.month
order by months.year, months.month
