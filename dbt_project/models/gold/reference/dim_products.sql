-- One row per product ever seen and version, by the source's clock, and one for an unknown product.
{{ versions('product', 'ledger__products', [
    'merchant_id',
    'name',
    'category',
    'price_minor',
    'currency_code',
    'status',
    'created_at',
]) }}
