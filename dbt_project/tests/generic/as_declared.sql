{#
    What is declared of the rows of a table, in one pass over it (each data test costs a query of its own): its key is
    there and unique, closed columns hold known values, references lead somewhere, amounts are above zero. Returns
    the key and the first problem of each row that breaks it. A null is neither an unknown value nor a reference.

    values      column -> values that it may have
    references  list of {column, to: "{{ '{{' }} ref('...') {{ '}}' }}", field}; with required: true, a null is a problem too
    positive    columns whose sign belongs to the ledger, and that are a mistake when zero
#}
{% test as_declared(model, key, values={}, references=[], positive=[]) %}
select {{ key | join(', ') }}, problem
from (
    select
        {{ of('here', key) }},
        case
            {%- for column in key %}
            when here.{{ column }} is null then '{{ column }} is null'
            {%- endfor %}
            when here.copies > 1 then concat('key comes ', cast(here.copies as string), ' times')
            {%- for column, known in values.items() %}
            when here.{{ column }} not in ('{{ known | join("', '") }}') then concat('{{ column }} is unknown: ', here.{{ column }})
            {%- endfor %}
            {%- for column in positive %}
            when coalesce(here.{{ column }}, 0) <= 0 then '{{ column }} is not above zero'
            {%- endfor %}
            {%- for reference in references %}
            {%- if reference.required %}
            when here.{{ reference.column }} is null then '{{ reference.column }} is null'
            {%- endif %}
            when here.{{ reference.column }} is not null and there_{{ loop.index }}.{{ reference.field }} is null
                then concat('{{ reference.column }} is not in {{ reference.to.identifier }}: ', here.{{ reference.column }})
            {%- endfor %}
        end as problem
    from (select *, count(*) over (partition by {{ key | join(', ') }}) as copies from {{ model }}) as here
    {%- for reference in references %}
    left join {{ reference.to }} as there_{{ loop.index }}
        on here.{{ reference.column }} = there_{{ loop.index }}.{{ reference.field }}
    {%- endfor %}
) as checked
where problem is not null
{% endtest %}
