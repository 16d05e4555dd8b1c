{#
    Which parts of a table a build computes again: those that the rows it wrote elsewhere belong to, as they are now and as
    they were before. A part is what has the same values in some columns: a day, a customer, a session. `merge_part` keeps the
    rows for it. Nothing is known to a build that follows none that was complete, and all parts are computed. See docs/adr/0008.
#}


{# The parts of what this build wrote, each of `rows` a table, its columns as those of a part, and which of its rows have one. The
   name of a view of them, nothing where they are not known. #}
{% macro touched_parts(rows) -%}
    {%- if execute -%}
        {%- do run_query('drop view if exists ' ~ kept_as('touched')) -%}
        {%- if is_incremental() and var('read_before', {}) -%}
            {%- set found = [] -%}
            {%- for table, columns, those in rows -%}
                {%- do found.append('select ' ~ columns ~ ' from ' ~ table ~ ' where false') -%}
                {%- for kept in ['given', 'before'] if is_kept(kept, table) -%}
                    {%- do found.append('select ' ~ columns ~ ' from ' ~ kept_as(kept, table) ~ ' where ' ~ those) -%}
                {%- endfor -%}
            {%- endfor -%}
            {%- do keep(kept_as('touched'), 'select distinct * from (' ~ found | join(' union all ') ~ ')') -%}
            {{- kept_as('touched') -}}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# `left semi join` of facts with the touched periods of a kind, told by when each begins: `start` of a fact's `time`. No file
   outside the span from the first to the last of them is read. #}
{% macro touched_period(touched, period, column, time, start) -%}
    {%- if touched %}
        {%- set periods = '(select starts_on from ' ~ touched ~ " where period = '" ~ period ~ "')" if column == 'starts_on' else touched %}
        {%- set rows, timed, first, last = run_query('select ' ~ span(column) ~ ' from ' ~ periods).rows[0] %}
        {%- set type = 'date' if time.endswith('_on') else 'timestamp' %}
left semi join {{ periods }} as touched on {{ start }} <=> touched.{{ column }}
where {% if timed %}{{ time }} >= {{ type }} '{{ first }}' and {{ time }} < {{ type }} '{{ last }}' + interval '1' {{ period }}{% else %}false{% endif %}
    {%- if rows != timed %} or {{ time }} is null{% endif %}
    {%- endif %}
{%- endmacro %}


{# The same with the touched members of a dimension. #}
{% macro touched_members(touched, column, member) -%}
    {%- if touched %}
left semi join {{ touched }} as touched on {{ member }} = touched.{{ column }}
    {%- endif %}
{%- endmacro %}


{# `union all` with the rows of {{ this }} for the periods of a kind that are not touched. #}
{% macro and_untouched(touched, period, columns) -%}
    {%- if touched %}
    union all
    select {{ columns }} from {{ this }} as there
    left anti join {{ touched }} as touched on there.period = touched.period and there.starts_on <=> touched.starts_on
    where there.period = '{{ period }}'
    {%- endif %}
{%- endmacro %}


{# `left semi join` with the touched parts, where a model has such and they are known. #}
{% macro of_touched(alias, parts) -%}
    {%- if parts and is_kept('touched') -%} left semi join {{ kept_as('touched') }} as touched on {{ same(alias, 'touched', parts, '<=>') }} {%- endif -%}
{%- endmacro %}


{# Keep the rows of a query, as a view of the session, and return how many they are (`transform/session.py` tells). #}
{% macro keep(view, sql) -%}
    {%- do run_query('drop view if exists ' ~ view) -%}
    {{ return(run_query('cache table ' ~ view ~ ' as ' ~ sql).rows[0][0] | int) }}
{%- endmacro %}


{# What the rows are called that are kept of a table in a build. #}
{% macro kept_as(what, table=this) -%} {{ table.identifier }}__{{ what }} {%- endmacro %}


{% macro is_kept(what, table=this) -%}
    {{ return(run_query("show views like '" ~ kept_as(what, table) ~ "'").rows | length > 0) }}
{%- endmacro %}
