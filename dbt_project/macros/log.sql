{# What the staging macros share: which rows of a bronze log a model has not read yet. #}

{# A predicate for the rows of `relation` beyond the newest offset of each partition that {{ this }} holds, none if
   the model is built anew. It is made of literals, so that Delta skips the files that hold nothing new.
   A batch that ingest begins after the build began is left for the next build: see docs/adr/0008. #}
{% macro unread(relation) -%}
    {%- set limit = var('ingested_until', {}).get(relation.identifier.split('__')[0]) -%}
    {%- if limit %}_ingested_at <= timestamp '{{ limit }}'{% else %}true{% endif -%}
    {%- if is_incremental() -%}
        {%- set places = run_query('select _partition, max(_offset) from ' ~ this ~ ' where _partition is not null group by _partition').rows -%}
        {%- if places | length > 0 %}
      and (
        {%- for place in places %}_partition = {{ place[0] }} and _offset > {{ place[1] }} or {% endfor -%}
        _partition not in ({{ places | map(attribute=0) | join(', ') }}))
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# The marker by which the incremental materialization knows that there is nothing to merge. #}
{% macro nothing_new() %}-- nothing new{% endmacro %}


{# Run a MERGE and return how many rows it wrote. #}
{% macro merged(sql) %}
    {%- call statement('merge', fetch_result=True) %}{{ sql }}{% endcall -%}
    {{ return(load_result('merge').table.rows[0][0] | int) }}
{% endmacro %}
