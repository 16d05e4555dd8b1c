{#
    A dimension with versions (slowly changing, type 2) from the history of a table: one row per member and version, and
    one of the member '(unknown)', to which facts point that name nobody known.

    entity   the member's name: `merchant` gives `merchant_key`, which identifies a version, and expects `merchant_id`
    table    its staging table without `stg_`: `ledger__merchants`
    columns  names of the other columns to take over

    The versions of a member cover all time without a gap or an overlap: the first one holds from `beginning()`, for what was
    before it is not known; each holds until the next begins, and the newest until `end_of_time()`. So a member that the source
    deleted has its last version, and `effective_from <= at and at < effective_to` finds one version for any instant.
#}
{% macro versions(entity, table, columns) -%}
    {%- set id = entity ~ '_id' -%}
    {%- set key = entity ~ '_key' -%}
    {{- config(unique_key=key, incremental_strategy='differences') -}}
    {%- set new = is_new('_ingested_at', table) -%}
    {%- set staging, history = ref('stg_' ~ table), ref('hist_' ~ table) -%}
{{ nothing_new() if new == 'false' }}
with
    {%- if is_incremental() %}
touched as (
    select {{ id }} from {{ staging }} {{ where_(new) }}
    union
    select {{ id }} from {{ history }} {{ where_(new) }}
),
    {%- endif %}
numbered as (
    select *, row_number() over (of_member) as _number, lead(_begins) over (of_member) as _next_from
    from (select *, coalesce(_valid_from, {{ beginning() }}) as _begins from {{ history }}) as history
    {%- if is_incremental() %}
    where {{ id }} in (select {{ id }} from touched)
    {%- endif %}
    window of_member as (partition by {{ id }} order by _begins nulls last)
),
found as (
    select
        concat({{ id }}, '@', date_format(_begins, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")) as {{ key }},
        {{ id }},
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        case when _number = 1 then {{ beginning() }} else _begins end as effective_from,
        coalesce(_next_from, {{ end_of_time() }}) as effective_to,
        _next_from is null as is_current,
        _ingested_at as known_at
    from numbered
    union all
    select '(unknown)', '(unknown)'{% for column in columns %}, null{% endfor %}, {{ beginning() }}, {{ end_of_time() }}, true, {{ beginning() }}
)
select *{{ ', false as _is_gone' if is_incremental() }} from found
    {%- if is_incremental() %}
union all
select {{ of('this', [key, id] + columns + ['effective_from', 'effective_to', 'is_current', 'known_at']) }}, true
from {{ this }} as this
left semi join touched on this.{{ id }} = touched.{{ id }}
left anti join found on this.{{ key }} = found.{{ key }}
    {%- endif -%}
{%- endmacro %}


{# Bounds of all time that nanoseconds since 1970 in 64 bits still hold, for pandas reads instants as such. #}
{% macro beginning() %}timestamp '1900-01-01 00:00:00'{% endmacro %}
{% macro end_of_time() %}timestamp '2200-01-01 00:00:00'{% endmacro %}


{# `left join` with the version of a member that held at an instant; of nobody known, with none: `key_of` then says so. #}
{% macro join_version(entity, alias, id, at) -%}
left join {{ ref('dim_' ~ entity ~ 's') }} as {{ alias }}
        on {{ id }} = {{ alias }}.{{ entity }}_id
        and coalesce({{ at }}, {{ beginning() }}) >= {{ alias }}.effective_from
        and coalesce({{ at }}, {{ beginning() }}) < {{ alias }}.effective_to
{%- endmacro %}


{# The key of that version, or of the member '(unknown)'. #}
{% macro key_of(entity, alias) -%}
coalesce({{ alias }}.{{ entity }}_key, '(unknown)') as {{ entity }}_key
{%- endmacro %}
