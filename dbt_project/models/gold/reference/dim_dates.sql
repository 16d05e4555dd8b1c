-- One row per day from 2015 to 2045.
{{ config(unique_key='date_on', incremental_strategy='differences') }}
{%- if is_incremental() %}
{{ nothing_new() }}: the calendar does not change
{%- else %}

with days as (
    select explode(sequence(date '2015-01-01', date '2045-12-31', interval 1 day)) as date_on
)

select
    date_on,
    year(date_on) as year,
    quarter(date_on) as quarter,
    month(date_on) as month,
    weekofyear(date_on) as iso_week,
    dayofmonth(date_on) as day_of_month,
    weekday(date_on) + 1 as iso_day_of_week,
    weekday(date_on) >= 5 as is_weekend,
    date_format(date_on, 'MMMM') as month_name
from days
{%- endif %}
