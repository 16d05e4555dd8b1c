-- A rate is told between major units: an amount converted in minor units is that amount, but for the rounding of the rate.
select rates.currency_code, rates.date_on, rates.rate, rates.minor_rate
from {{ ref('dim_fx_rates') }} as rates
inner join {{ ref('dim_currencies') }} as currencies on rates.currency_code = currencies.currency_code
inner join {{ ref('dim_currencies') }} as reporting on rates.reporting_currency_code = reporting.currency_code
where abs(
    rates.minor_rate * {{ shifted('currencies.minor_digits') }} - rates.rate * {{ shifted('reporting.minor_digits') }}
) > 0.00000001
