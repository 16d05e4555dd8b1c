-- title: Authorization by payment method
-- question: Which kinds of payment methods get authorized, by where they were issued?
-- grain: payment_method_kind, issuer_country_code
-- owner: payments-platform
select
    payment_method_kind,
    issuer_country_code,
    metric(requested_count) as requested_count,
    metric(authorized_count) as authorized_count,
    metric(authorization_rate) as authorization_rate
from gold.fct_payments
group by payment_method_kind, issuer_country_code
order by payment_method_kind nulls last, issuer_country_code nulls last
