-- title: Failure codes
-- question: Why do payments fail, by kind of payment method, and what amount was asked for in vain, per currency?
-- grain: failure_code, payment_method_kind, currency_code
-- owner: payments-platform
select
    failure_code,
    payment_method_kind,
    currency_code,
    metric(failed_count) as failed_count,
    sum(amount_minor) as amount_minor,
    max(failed_at) as last_failed_at
from gold.fct_payments
where status = 'failed'
group by failure_code, payment_method_kind, currency_code
order by
    failed_count desc,
    failure_code nulls last,
    payment_method_kind nulls last,
    currency_code nulls last
