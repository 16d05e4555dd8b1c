{# Every value of each column of `to` is in the table that it names, under the same column name. #}
{% test belongs(model, to) %}
select problem, {{ to.keys() | join(', ') }}
from (
    select
        {{ of('here', to.keys() | list) }},
        case
            {%- for column in to.keys() %}
            when here.{{ column }} is not null and there_{{ loop.index }}.{{ column }} is null then '{{ column }} is unknown'
            {%- endfor %}
        end as problem
    from {{ model }} as here
    {%- for column, table in to.items() %}
    left join (select distinct {{ column }} from {{ table }}) as there_{{ loop.index }}
        on here.{{ column }} = there_{{ loop.index }}.{{ column }}
    {%- endfor %}
) as checked
where problem is not null
{% endtest %}
