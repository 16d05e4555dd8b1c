{# What the staging macros share: which rows of a bronze log a model has not read yet. #}

{# A predicate for the rows of the bronze table `relation` up to where this build reads. A batch that is landed after the
   build began is left for the next build: see docs/adr/0008. #}
{% macro readable(relation) -%}
    {%- set limit = var('ingested_until', {}).get(relation.identifier) -%}
    {%- if limit %}_ingested_at <= timestamp '{{ limit }}'{% else %}true{% endif -%}
{%- endmacro %}


{# A predicate for the readable rows that were ingested after those that {{ this }} holds, none left out if the model is
   built anew. Rows of a batch appear together, and a message that left quarantine has the time at which it did. It is
   made of literals, so that Delta skips the files that hold nothing new. #}
{% macro unread(relation, newest) -%}
    {{ readable(relation) }}{% if newest %} and _ingested_at > timestamp '{{ newest }}'{% endif %}
{%- endmacro %}


{# Whether the model goes on from the rows that {{ this }} holds. It is built anew where {{ this }} lacks one of `columns`:
   what bronze knows of that column is in rows that were read long ago. #}
{% macro goes_on(columns) -%}
    {%- if is_incremental() -%}
        {%- set have = adapter.get_columns_in_relation(this) | map(attribute='name') | list -%}
        {{- 'yes' if not columns | reject('in', have) | list -}}
    {%- endif -%}
{%- endmacro %}


{# The marker by which the incremental materialization knows that there is nothing to merge. #}
{% macro nothing_new() %}-- nothing new{% endmacro %}


{# The marker by which it knows that these are the few rows of which something is new. #}
{% macro a_part() %}-- a part{% endmacro %}


{# The marker by which the incremental materialization knows that these are all rows, to replace those there are. #}
{% macro all_rows() %}-- all rows{% endmacro %}


{# Run a MERGE and return how many rows it wrote. #}
{% macro merged(sql) %}
    {%- call statement('merge', fetch_result=True) %}{{ sql }}{% endcall -%}
    {{ return(load_result('merge').table.rows[0][0] | int) }}
{% endmacro %}
