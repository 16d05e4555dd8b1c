{# Schemas are exactly what the models say: silver and gold, without the target's name before them. A rebuild that is only
   compared goes aside. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ ('aside' if var('aside', none) else custom_schema_name or target.schema) | trim }}
{%- endmacro %}


{# The session's catalog is in memory and holds Delta tables and temporary views, nothing else: their names are
   enough, and reading each table's details as dbt-spark does costs seconds. #}
{% macro spark__list_relations_without_caching(relation) %}
    {% set found = run_query('show tables in ' ~ relation.schema) %}
    {% set rows = [] %}
    {% for row in found if not row[2] %}
        {% do rows.append((row[0], row[1], false, 'Type: EXTERNAL\nProvider: delta\n')) %}
    {% endfor %}
    {% do return(rows) %}
{% endmacro %}


{# `alias.a, alias.b` #}
{% macro of(alias, columns) -%}
    {%- for column in columns %}{{ alias }}.{{ column }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}


{# `l.a = r.a and l.b = r.b` #}
{% macro same(left, right, columns, operator='=') -%}
    {%- for column in columns %}{{ left }}.{{ column }} {{ operator }} {{ right }}.{{ column }}{{ ' and ' if not loop.last }}{% endfor -%}
{%- endmacro %}
