select *
from (
    values
    ('(unknown)', '(unknown)', null, null, true, '1900-01-01'),
    ('mer_1@1', 'mer_1', 'Tea', 'DE', false, '1900-01-01'),
    ('mer_1@2', 'mer_1', 'Tea House', 'DE', true, '2026-02-01')
) as m(merchant_key, merchant_id, display_name, country_code, is_current, effective_from)
