select *
from (
    values ('DE', 'Germany', 'Western Europe', 'Europe'), ('JP', 'Japan', 'Eastern Asia', 'Asia')
) as g(country_code, country_name, region_name, continent_name)
