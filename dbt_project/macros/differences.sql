{# Literal of the newest `known_at` that {{ this }} holds; none if the model is built anew or holds no row. #}
{% macro newest_known() -%}
    {%- if is_incremental() -%}
        {%- set newest = run_query('select cast(max(known_at) as string) from ' ~ this).rows[0][0] -%}
        {{- "timestamp '" ~ newest ~ "'" if newest -}}
    {%- endif -%}
{%- endmacro %}


{# The rows of `source` into {{ this }}, where they differ: a run that finds nothing changed writes nothing.
   A row with `_is_gone` is removed; in models without deletions the column is absent. #}
{% macro merge_differences(source, key, columns) %}
    {%- set may_go = '_is_gone' in source %}
merge into {{ this }} as t
using (
{{ source }}
) as s
on {{ same('t', 's', key, '<=>') }}
    {%- if may_go %}
when matched and s._is_gone then delete
    {%- endif %}
when matched and not ({{ same('t', 's', columns | reject('in', key) | list, '<=>') }}) then update set
    {%- for column in columns if column not in key %}
    {{ column }} = s.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
when not matched {{ 'and not s._is_gone ' if may_go }}then insert ({{ columns | join(', ') }}) values ({{ of('s', columns) }})
    {%- if config.get('meta', {}).get('complete') %}
when not matched by source then delete
    {%- endif %}
{% endmacro %}
