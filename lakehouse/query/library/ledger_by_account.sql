-- title: Ledger by account
-- question: What is the balance of each account of the ledger, per currency?
-- grain: account, currency_code
-- owner: finance
select
    account,
    currency_code,
    sum(amount_minor) as balance_minor,
    sum(case when amount_minor > 0 then amount_minor else 0 end) as debit_minor,
    sum(case when amount_minor < 0 then -amount_minor else 0 end) as credit_minor,
    count(distinct transaction_id) as transaction_count
from gold.fct_ledger_entries
group by account, currency_code
order by account, currency_code
