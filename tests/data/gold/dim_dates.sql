select
    p.captured_on as date_on,
    cast(extract(year from p.captured_on) as int) as year,
    cast(extract(month from p.captured_on) as int) as month
from fct_payments as p
where p.captured_on is not null
group by p.captured_on
