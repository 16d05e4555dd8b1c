-- One row per merchant ever seen and version, by the source's clock, and one for an unknown merchant.
{{ versions('merchant', 'ledger__merchants', [
    'legal_name',
    'display_name',
    'merchant_category_code',
    'country_code',
    'settlement_currency_code',
    'fee_rate_bps',
    'fee_fixed_minor',
    'status',
    'onboarded_at',
    'created_at',
]) }}
