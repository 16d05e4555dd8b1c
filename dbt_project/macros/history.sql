{#
    History of a change log (a slowly changing dimension of type 2): one row per key and version, by the source's clock,
    with the time at which it became known. For tables that are declared with `history=True`.

    relation  bronze log of one table; key, columns: as for `current_state`

    A version holds from `_valid_from` until before `_valid_to`, none while it is the present one; a deleted key has no
    version until it comes back. The order is that of the log: where the source's clock goes back, it stands still here.
    Of several changes at one instant the last counts, and versions that follow each other without a difference are one.
    Keys that were changed are computed from their whole log, so the result is the same for any split, any repetition
    and any delay, and when built anew.
#}
{% macro history(relation, key, columns) -%}
    {%- set key = [key] if key is string else key -%}
    {{- config(unique_key=key + ['_valid_from'], incremental_strategy='differences') -}}
    {%- set values = columns | reject('in', key) | list -%}
    {%- set declared = columns if key[0] in columns else key + values -%}
    {%- set metadata = ['_valid_from', '_valid_to', '_known_at', '_ingested_at'] -%}
    {%- set goes_on = goes_on(declared + metadata) -%}
    {%- set newest = run_query('select cast(max(_ingested_at) as string) from ' ~ this).rows[0][0] if goes_on -%}
    {%- set unread = unread(relation, newest) -%}
    {%- set new = run_query("select count(*), count_if(_op = 't') from " ~ relation ~ " where _op <> 'm' and " ~ unread).rows[0] if goes_on else [1, 1] -%}
    {%- set by_key = 'partition by ' ~ key | join(', ') ~ ' order by ' -%}
    {%- if not new[0] -%}
        {{ nothing_new() }} in {{ relation }}
    {%- else -%}
        {%- set is_part = goes_on and not new[1] -%}
        {%- set has_truncates = has_truncates(relation) -%}
        {{- all_rows() if not goes_on }}
with
    {%- if is_part %}
touched as (
    select distinct {{ key | join(', ') }} from {{ relation }} where _op <> 'm' and {{ unread }}
),
    {%- endif %}
changes as (
    select {{ (key + values) | join(', ') }}, _op, _partition, _offset, _source_lsn, _source_tx, _source_at, _kafka_at, _ingested_at
        , case when _op in ('c', 'r', 'u') then coalesce(_unchanged, cast(array() as array<string>)) end as _unchanged
    from {{ relation }} as log
    {%- if is_part %}
    left semi join touched on {{ same('log', 'touched', key) }}
    {%- endif %}
    where _op in ('c', 'r', 'u', 'd', 'tombstone')
      and {{ key | join(' is not null and ') }} is not null
      and {{ readable(relation) }}
),
    {{- marked_repeats('changes', key, values, relation if has_truncates) }},
timed as (
    select {{ (key + values) | join(', ') }}, _unchanged, _offset, _ingested_at, _op in ('d', 'tombstone') as _is_deleted
        , case when _op <> 'tombstone' or not lag(_op, 1, '') over ({{ by_key }}_offset nulls last) = 'd' then coalesce(_source_at, _kafka_at) end as _at
    from marked
    where not _is_repeat
    {%- if has_truncates %}
    union all
    select {{ of('had', key) }}{% for column in values %}, null{% endfor %}, null, truncates._offset, truncates._ingested_at, true
        , coalesce(truncates._source_at, truncates._kafka_at)
    from {{ first_truncates(relation) }} as truncates
    inner join (select {{ key | join(', ') }}, _partition, min(_offset) as _first from marked group by {{ key | join(', ') }}, _partition) as had
        on had._partition = truncates._partition and had._first < truncates._offset
    {%- endif %}
),
filled as (
    select {{ key | join(', ') }}, _offset, _ingested_at, max(_at) over (until_here) as _valid_from
        , struct(_is_deleted
        {%- for column in values %}
            , last_value(case when not array_contains(_unchanged, '{{ column }}') then struct({{ column }} as value) end, true) over (until_here).value as {{ column }}
        {%- endfor %}
        ) as _state
    from timed
    window until_here as ({{ by_key }}_offset nulls last rows between unbounded preceding and current row)
),
instants as (
    select {{ key | join(', ') }}, _valid_from
        , max_by(_state, _offset) as _state, max_by(_ingested_at, _offset) as _known_at, max(_ingested_at) as _ingested_at
    from filled
    group by {{ key | join(', ') }}, _valid_from
),
numbered as (
    select *, sum(_begins) over ({{ by_key }}_valid_from nulls last) as _version
    from (select *, case when _state <=> lag(_state) over ({{ by_key }}_valid_from nulls last) then 0 else 1 end as _begins from instants)
),
versions as (
    select {{ key | join(', ') }}, _version, min(_valid_from) as _valid_from
        , min_by(_state, _valid_from) as _state, min_by(_known_at, _valid_from) as _known_at, max(_ingested_at) as _ingested_at
    from numbered
    group by {{ key | join(', ') }}, _version
),
found as (
    select *, lead(_valid_from) over (of_key) as _valid_to
        , case when lead(_state._is_deleted) over (of_key) then lead(_ingested_at) over (of_key) end as _ended_at
    from versions
    window of_key as ({{ by_key }}_version nulls last)
),
history as (
    select
        {%- for column in declared %}
        {{ column if column in key else '_state.' ~ column }},
        {%- endfor %}
        _valid_from, _valid_to, _known_at, greatest(_ingested_at, _ended_at) as _ingested_at
    from found
    where not _state._is_deleted
)
select *{{ ', false as _is_gone' if goes_on }} from history
        {%- if goes_on %}
union all
select {{ of('this', declared + metadata) }}, true
from {{ this }} as this
            {%- if is_part %}
left semi join touched on {{ same('this', 'touched', key) }}
            {%- endif %}
left anti join history on {{ same('this', 'history', key + ['_valid_from']) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
