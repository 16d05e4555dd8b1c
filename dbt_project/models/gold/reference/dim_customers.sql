-- One row per customer ever seen and version, by the source's clock, and one for an unknown customer. Nothing personal.
{{ versions('customer', 'ledger__customers', ['country_code', 'created_at']) }}
