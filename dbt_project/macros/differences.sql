{#
    Write the rows of `source` into {{ this }} where they differ, and return how many those were. A run that finds
    nothing changed writes nothing: MERGE alone would copy every file that holds a row it was given.

    A row with `_is_gone` is removed; in models without deletions the column is absent. In models that always give
    all their rows (meta `complete`), a row that is not given any more is removed. Where it is known which
    `parts` (meta: the columns that tell them) may have changed, others are neither compared nor removed.
#}
{% macro merge_differences(source, key, columns) %}
    {%- if a_part() in source -%}
        {{ return(merge_part(source, key, columns)) }}
    {%- endif -%}
    {%- set found = kept_as('differences') -%}
    {%- set count = keep(found, differences(source, key, columns)) -%}
    {%- if count -%}
        {%- call statement('merge') %}
merge into {{ this }} as t
using {{ found }} as s
on {{ same('t', 's', key, '<=>') }}
when matched and s._is_gone then delete
when matched then update set
    {%- for column in columns if column not in key %}
    {{ column }} = s.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
when not matched then insert ({{ columns | join(', ') }}) values ({{ of('s', columns) }})
        {%- endcall -%}
    {%- endif -%}
    {%- do run_query('drop view ' ~ found) -%}
    {{ return(count) }}
{% endmacro %}


{% macro differences(source, key, columns) %}
    {%- set meta = config.get('meta', {}) -%}
    {%- set complete = meta.complete -%}
    {%- set gone = 's._is_gone' if '_is_gone' in source else ('s._is_given is null' if complete else 'false') %}
select
    {%- for column in columns %}
    {{ 'coalesce(s.' ~ column ~ ', t.' ~ column ~ ') as ' ~ column if complete and column in key else 's.' ~ column }},
    {%- endfor %}
    {{ gone }} as _is_gone
from (
    select *, true as _is_given from (
{{ source }}
    ) as given {{ of_touched('given', meta.parts) }}
) as s
{{ 'full outer' if complete else 'left' }} join (select *, true as _is_there from {{ this }} as there {{ of_touched('there', meta.parts) }}) as t
    on {{ same('t', 's', key, '<=>') }}
where case
    when t._is_there is null then not {{ gone }}
    when {{ gone }} then true
    else not ({{ same('t', 's', columns | reject('in', key) | list, '<=>') }})
end
{% endmacro %}


{#
    Write the rows of `source`, which a model found to be new, into {{ this }}, and return how many were changed.

    They are few, so a first look for their keys tells in which span of `ordered_by` (meta: the time by which the files of
    the table are in order) those of them lie that are there already. MERGE reads no file outside it. Both are kept until the
    build ends: they tell what is summed from them (touched.sql), by the time or by one of `summed_by` (meta).
#}
{% macro merge_part(source, key, columns) %}
    {%- set given, before = kept_as('given'), kept_as('before') -%}
    {%- set meta = config.require('meta') -%}
    {%- set time = meta.ordered_by -%}
    {%- set count = keep(given, source) -%}
    {%- set seen = key + [time] + meta.get('summed_by', []) -%}
    {%- do keep(before, 'select ' ~ of('t', seen) ~ ' from ' ~ this ~ ' as t left semi join ' ~ given ~ ' as s on ' ~ same('t', 's', key)) -%}
    {%- set changed = 0 -%}
    {%- if count -%}
        {%- set found = run_query('select ' ~ span(time) ~ ' from ' ~ before).rows[0] -%}
        {%- set merge %}
merge into {{ this }} as t
using {{ given }} as s
on {{ same('t', 's', key) }} and {{ within('t.' ~ time, found) }}
when matched and s._is_gone then delete
when matched and not ({{ same('t', 's', columns | reject('in', key) | list, '<=>') }}) then update set
    {%- for column in columns if column not in key %}
    {{ column }} = s.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
when not matched and not s._is_gone then insert ({{ columns | join(', ') }}) values ({{ of('s', columns) }})
        {%- endset -%}
        {%- set changed = merged(merge) -%}
    {%- endif -%}
    {%- do run_query('drop view if exists ' ~ kept_as('touched')) -%}
    {{ return(changed) }}
{% endmacro %}
