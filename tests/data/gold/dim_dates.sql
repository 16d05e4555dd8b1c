select
    p.captured_on as date_on,
    cast(extract(year from p.captured_on) as int) as year,
    cast(extract(month from p.captured_on) as int) as month,
    cast(extract(dow from p.captured_on) as int) as iso_day_of_week
from fct_payments as p
where p.captured_on is not null
group by p.captured_on
