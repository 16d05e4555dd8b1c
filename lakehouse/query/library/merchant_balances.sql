-- title: Merchant balances
-- question: What does the platform owe each merchant now, per currency, by the ledger?
-- grain: merchant_id, currency_code
-- owner: finance
select
    merchant_id,
    currency_code,
    -sum(amount_minor) as owed_minor,
    count(*) as entry_count,
    max(posted_at) as last_posted_at
from gold.fct_ledger_entries
where account = 'merchant_payable'
group by merchant_id, currency_code
order by merchant_id nulls last, currency_code
