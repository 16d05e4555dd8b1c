{# Literal of the newest `known_at` that {{ this }} holds; none if the model is built anew or holds no row. #}
{% macro newest_known() -%}
    {%- if is_incremental() -%}
        {%- set newest = run_query('select cast(max(known_at) as string) from ' ~ this).rows[0][0] -%}
        {{- "timestamp '" ~ newest ~ "'" if newest -}}
    {%- endif -%}
{%- endmacro %}


{# The rows of `relation` that something new was learnt about, deleted ones marked `_is_gone`; built anew all that are not. #}
{% macro only_new(relation, newest, columns) -%}
select
    {%- for column in columns %}
    {{ column }}{{ ',' if is_incremental() or not loop.last }}
    {%- endfor %}
    {%- if is_incremental() %}
    _is_gone
    {%- endif %}
from {{ relation }}
{% if not is_incremental() %}where not _is_gone{% elif newest %}where known_at >= {{ newest }}{% endif %}
{%- endmacro %}


{#
    Write the rows of `source` into {{ this }} where they differ, and return how many those were. A run that finds
    nothing changed writes nothing: MERGE alone would copy every file that holds a row it was given.

    A row with `_is_gone` is removed; in models without deletions the column is absent. In models that always give
    all their rows (meta `complete`), a row that is not given any more is removed.
#}
{% macro merge_differences(source, key, columns) %}
    {%- set found = this.identifier ~ '__differences' -%}
    {%- do run_query('drop view if exists ' ~ found) -%}
    {%- do run_query('cache table ' ~ found ~ ' as ' ~ differences(source, key, columns)) -%}
    {%- set count = run_query('select count(*) from ' ~ found).rows[0][0] | int -%}
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
    {%- set may_go = '_is_gone' in source -%}
    {%- set complete = config.get('meta', {}).get('complete') -%}
    {%- set gone = 's._is_gone' if may_go else ('s._is_given is null' if complete else 'false') %}
select
    {%- for column in columns %}
    {{ 'coalesce(s.' ~ column ~ ', t.' ~ column ~ ') as ' ~ column if complete and column in key else 's.' ~ column }},
    {%- endfor %}
    {{ gone }} as _is_gone
from (
    select *, true as _is_given from (
{{ source }}
    )
) as s
{{ 'full outer' if complete else 'left' }} join (select *, true as _is_there from {{ this }}) as t
    on {{ same('t', 's', key, '<=>') }}
where case
    when t._is_there is null then not {{ gone }}
    when {{ gone }} then true
    else not ({{ same('t', 's', columns | reject('in', key) | list, '<=>') }})
end
{% endmacro %}
