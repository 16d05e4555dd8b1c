select *
from (
    values
    ('(unknown)', '(unknown)', null, null, null, true, '1900-01-01'),
    ('prd_1@1', 'prd_1', 'tea', 900, 'EUR', false, '1900-01-01'),
    ('prd_1@2', 'prd_1', 'tea', 1000, 'EUR', true, '2026-02-01')
) as p(product_key, product_id, category, price_minor, currency_code, is_current, effective_from)
