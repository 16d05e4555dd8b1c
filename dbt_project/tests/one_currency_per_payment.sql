-- A refund or dispute is in the currency of its payment: else sums of a payment would add up different money.
select 'refund' as what, facts.refund_id as id, facts.currency_code, payments.currency_code as payment_currency_code
from {{ ref('fct_refunds') }} as facts
inner join {{ ref('fct_payments') }} as payments on facts.payment_id = payments.payment_id
where facts.currency_code <> payments.currency_code
union all
select 'dispute', facts.dispute_id, facts.currency_code, payments.currency_code
from {{ ref('fct_disputes') }} as facts
inner join {{ ref('fct_payments') }} as payments on facts.payment_id = payments.payment_id
where facts.currency_code <> payments.currency_code
