select *
from (
    values
    (1, 't1', 'clearing', 'mer_1', 'EUR', 1000),
    (2, 't1', 'merchant_payable', 'mer_1', 'EUR', -970),
    (3, 't1', 'fee_income', 'mer_1', 'EUR', -30)
) as e(entry_id, transaction_id, account, merchant_id, currency_code, amount_minor)
