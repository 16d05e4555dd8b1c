{#
    The incremental materialization, in place of dbt-spark's: a MERGE straight from the model's SQL, none when the
    model says that there is nothing new, and of what differs only. A first build, --full-refresh and a model that says
    that it gives all rows replace the table in one commit, so that its history stays and no reader sees it missing.

    incremental_strategy  `current_state`, `first_event` (silver, set by the macros of these names) or `differences`
    unique_key            names of the key columns
#}
{% materialization incremental, adapter='spark', supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_relation(this) -%}
    {{ run_hooks(pre_hooks) }}
    {%- if existing is not none and all_rows() in sql and not should_full_refresh() -%} {{ refuse_to_lose() }} {%- endif -%}
    {%- if existing is none or should_full_refresh() or all_rows() in sql %}
        {%- call statement('main') %}{{ create_table_as(False, target_relation, sql) }}{% endcall -%}
    {%- elif nothing_new() in sql %}
        {%- call noop_statement('main', 'nothing new', 'NONE', 0) %}{{ sql }}{% endcall -%}
    {%- else %}
        {%- set columns = merge_columns(sql, target_relation) -%}
        {%- set strategy = config.require('incremental_strategy') -%}
        {%- set key = config.require('unique_key') -%}
        {%- set key = [key] if key is string else key -%}
        {%- set changed = context['merge_' ~ strategy](sql, key, columns) -%}
        {%- call noop_statement('main', changed ~ ' rows', 'MERGE', changed) %}{{ sql }}{% endcall -%}
    {%- endif %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{# Names of the columns to write. A column that the table has not got yet is added, or refused (gold: old rows would
   lack it, so only a full refresh is right). #}
{% macro merge_columns(sql, relation) %}
    {%- set have = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- set given = adapter.get_column_schema_from_query(get_empty_subquery_sql(sql)) -%}
    {%- set wanted = [] -%}
    {%- for column in given if column.name not in ['_kept', '_is_whole', '_is_gone'] -%}
        {%- do wanted.append(column.name) -%}
    {%- endfor -%}
    {%- set new = wanted | reject('in', have) | list -%}
    {%- if new and config.get('on_schema_change') != 'append_new_columns' -%}
        {{ exceptions.raise_compiler_error(relation ~ ' has no column ' ~ new | join(', ') ~ ': build it anew with --full-refresh') }}
    {%- endif -%}
    {%- for column in given if column.name in new -%}
        {%- do run_query('alter table ' ~ relation ~ ' add columns (' ~ column.name ~ ' ' ~ column.dtype ~ ')') -%}
    {%- endfor -%}
    {{ return(wanted) }}
{% endmacro %}


{# A table of silver that lacks a column is built anew without having been asked (log.sql). From a log that lost its beginning
   that would lose rows. #}
{% macro refuse_to_lose() %}
    {%- set bronze = this.identifier.split('_', 1)[1] -%}
    {%- set cut = var('cut_before', {}).get(bronze) -%}
    {%- if cut -%}
        {{ exceptions.raise_compiler_error(this ~ ' lacks a column and would be built anew, but retention deleted rows of bronze.' ~ bronze ~ ' from before ' ~ cut ~ ', and what only those told would be lost: --full-refresh does it all the same') }}
    {%- endif -%}
{% endmacro %}
