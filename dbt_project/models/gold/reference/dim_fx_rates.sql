-- One row per currency and day (UTC) with a rate to the reporting currency. A rate holds until the next one, seven days at the
-- most: what is older is no rate. The reporting currency itself has a rate of 1 on every day of the calendar.
{{ config(unique_key=['currency_code', 'date_on'], incremental_strategy='differences', meta={'complete': true}) }}
{{ nothing_new() if is_new('_ingested_at', 'ledger__fx_rates') == 'false' }}

with given as (
    select
        base_currency_code as currency_code,
        rate_on,
        rate,
        lead(rate_on) over (partition by base_currency_code order by rate_on nulls last) as next_on,
        _ingested_at as known_at
    from {{ ref('stg_ledger__fx_rates') }}
    where quote_currency_code = '{{ reporting_currency() }}'
      and base_currency_code <> quote_currency_code
      and rate > 0
      and not _is_deleted
),

daily as (
    select
        currency_code,
        explode(sequence(rate_on, least(date_add(rate_on, 6), coalesce(date_sub(next_on, 1), date_add(rate_on, 6))))) as date_on,
        rate_on,
        rate,
        known_at
    from given
    union all
    select '{{ reporting_currency() }}', date_on, date_on, cast(1 as decimal(18, 8)), {{ beginning() }}
    from {{ ref('dim_dates') }}
)

select
    daily.currency_code,
    daily.date_on,
    '{{ reporting_currency() }}' as reporting_currency_code,
    daily.rate_on,
    daily.rate,
    try_cast(daily.rate * {{ shifted('reporting.minor_digits - currencies.minor_digits') }} as decimal(19, 12)) as minor_rate,
    daily.known_at
from daily
left join {{ ref('dim_currencies') }} as currencies on daily.currency_code = currencies.currency_code
left join {{ ref('dim_currencies') }} as reporting on reporting.currency_code = '{{ reporting_currency() }}'
