-- Every day of the calendar once, counted from a Monday, 1 January 2018.
select date_on, iso_day_of_week, is_weekend
from {{ ref('dim_dates') }}
where iso_day_of_week is distinct from 1 + pmod(datediff(date_on, date '2018-01-01'), 7)
   or is_weekend is distinct from (date_format(date_on, 'E') in ('Sat', 'Sun'))
union all
select max(date_on), cast(null as int), cast(null as boolean)
from {{ ref('dim_dates') }}
having count(*) <> 1 + datediff(max(date_on), min(date_on))
