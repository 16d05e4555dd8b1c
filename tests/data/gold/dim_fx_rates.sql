select
    'JPY' as currency_code,
    p.date_on,
    'EUR' as reporting_currency_code,
    p.date_on as rate_on,
    cast(0.00625 as decimal(18, 8)) as rate
from dim_dates as p
