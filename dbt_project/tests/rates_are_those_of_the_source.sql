-- On the day from which it holds, a rate is the one that the source has, and none is missing.
with told as (
    select currency_code, rate_on, rate from {{ ref('dim_fx_rates') }}
    where date_on = rate_on and currency_code <> '{{ reporting_currency() }}'
),

given as (
    select base_currency_code as currency_code, rate_on, rate from {{ ref('stg_ledger__fx_rates') }}
    where quote_currency_code = '{{ reporting_currency() }}'
      and base_currency_code <> '{{ reporting_currency() }}'
      and rate > 0
      and not _is_deleted
)

select
    coalesce(told.currency_code, given.currency_code) as currency_code,
    coalesce(told.rate_on, given.rate_on) as rate_on,
    told.rate,
    given.rate as given_rate
from told
full outer join given on told.currency_code = given.currency_code and told.rate_on = given.rate_on
where not (told.rate <=> given.rate)
