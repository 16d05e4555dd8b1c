-- title: Rates by month
-- question: Between what did each currency's rate move in each month?
-- grain: currency_code, year, month
-- owner: finance
select
    rates.currency_code,
    days.year,
    days.month,
    rates.reporting_currency_code,
    min(rates.rate) as lowest_rate,
    max(rates.rate) as highest_rate,
    count(distinct rates.rate_on) as fixing_count
from gold.dim_fx_rates as rates
inner join gold.dim_dates as days on rates.date_on = days.date_on
group by rates.currency_code, days.year, days.month, rates.reporting_currency_code
order by rates.currency_code, days.year, days.month
