-- Double entry: the entries of a transaction sum to zero in each currency.
select transaction_id, currency_code, sum(amount_minor) as out_of_balance_minor
from {{ ref('stg_ledger__ledger_entries') }}
where not _is_deleted
group by transaction_id, currency_code
having sum(amount_minor) <> 0
