{#
    Current state of a change log: one row per key, by the newest `_offset` (docs/adr/0006).

    relation  bronze log of one table: rows carry `_op`, `_partition`, `_offset`, `_source_lsn`, `_unchanged`
    key       names of the key columns
    columns   names of all declared columns, the key's among them or not

    A deleted key stays, `_is_deleted`, with the values it last had. A column that the source did not send
    (`_unchanged`) keeps its value. A truncate marks every key of its partition deleted. Logical messages ('m') say
    nothing about a row. A change that Kafka holds again, after newer ones, counts where it stood first (repeats.sql).
    The result is the same for any split of the log into runs, for any repetition of its rows, and when built anew.

    Mostly the unread changes follow on what {{ this }} holds, and are folded into it. Where one of them is older than
    what was read (`are_in_order`), the keys that they touch are computed from the whole log instead.
#}
{% macro current_state(relation, key, columns) -%}
    {%- set key = [key] if key is string else key -%}
    {{- config(unique_key=key, incremental_strategy='current_state') -}}
    {%- set values = columns | reject('in', key) | list -%}
    {%- set declared = columns if key[0] in columns else key + values -%}
    {%- set newest = ['_source_at', '_source_lsn', '_ingested_at'] -%}
    {%- set goes_on = goes_on(declared + newest) -%}
    {%- set known = what_is_read() if goes_on else {} -%}
    {%- set unread = unread(relation, known.ingested_at) -%}
    {%- set facts = facts(relation, key, unread, known) if goes_on else {'rows': 1, 'is_in_order': false} -%}
    {%- set is_whole = not facts.is_in_order -%}
    {%- set has_truncates = is_whole and has_truncates(relation) -%}
    {%- if not facts.rows -%}
        {{ nothing_new() }} in {{ relation }}
    {%- else -%}
        {{- all_rows() if not goes_on }}
with changes as (
    select {{ (key + values) | join(', ') }}, _op, _partition, _offset, _source_lsn, _source_tx, _source_at, _ingested_at
        , case when _op in ('c', 'r', 'u') then coalesce(_unchanged, cast(array() as array<string>)) end as _unchanged
    from {{ relation }}
    where _op in ('c', 'r', 'u', 'd', 'tombstone')
      and {{ key | join(' is not null and ') }} is not null
      and {{ readable(relation) if is_whole else unread }}
),
    {%- if is_whole and goes_on %}
touched as (
    select changes.* from changes
    left semi join (select {{ key | join(', ') }} from changes where {{ unread }}) as unread
        on {{ same('changes', 'unread', key) }}
),
    {%- endif -%}
    {%- if is_whole %}
    {{- marked_repeats('touched' if goes_on else 'changes', key, values, relation if has_truncates) }},
    {%- endif %}
states as (
    select {{ key | join(', ') }}
    {%- for column in values %}
        , max_by(struct({{ column }} as value), case when not array_contains(_unchanged, '{{ column }}') {{- ' and not _is_repeat' if is_whole }} then _offset end) as {{ column }}
    {%- endfor %}
        , max_by(struct(_op in ('d', 'tombstone') as is_deleted, _partition, _offset, _source_at), {{ 'case when not _is_repeat then _offset end' if is_whole else '_offset' }}) as _newest
        , max(_source_lsn) as _source_lsn, max(_ingested_at) as _ingested_at
    from {{ 'marked' if is_whole else 'changes' }}
    group by {{ key | join(', ') }}
)
    {%- if has_truncates %},
truncates as (
    select max_by(struct(true as is_deleted, _partition, _offset, _source_at), _offset) as _newest
        , max_by(_source_lsn, _offset) as _source_lsn, max_by(_ingested_at, _offset) as _ingested_at
    from {{ first_truncates(relation) }}
    group by _partition
),
ends as (
    select {{ of('states', key + values) }}
        , case when truncates._newest._offset > states._newest._offset then truncates._newest else states._newest end as _newest
        , case when truncates._newest._offset > states._newest._offset then greatest(states._source_lsn, truncates._source_lsn) else states._source_lsn end as _source_lsn
        , case when truncates._newest._offset > states._newest._offset then greatest(states._ingested_at, truncates._ingested_at) else states._ingested_at end as _ingested_at
    from states
    left join truncates on states._newest._partition = truncates._newest._partition
        {%- if goes_on %}
    union all
    select {{ of('this', key) }}
        {%- for column in values %}, null{% endfor %}, truncates._newest
        , greatest(this._source_lsn, truncates._source_lsn), greatest(this._ingested_at, truncates._ingested_at)
    from {{ this }} as this
    inner join truncates on this._partition = truncates._newest._partition and this._offset < truncates._newest._offset
    left anti join states on {{ same('this', 'states', key) }}
        {%- endif %}
)
    {%- endif %}
select
    {%- for column in declared %}
    {{ column if column in key else column ~ '.value as ' ~ column }},
    {%- endfor %}
    _newest.is_deleted as _is_deleted, _newest._partition, _newest._offset, _newest._source_at, _source_lsn, _ingested_at
    {%- if goes_on %}
    , array_compact(array(
        {%- for column in values %}case when {{ column }} is null then '{{ column }}' end{{ ', ' if not loop.last }}{% endfor -%}
    )) as _kept
    , {{ is_whole }} as _is_whole
    {%- endif %}
from {{ 'ends' if has_truncates else 'states' }}
    {%- endif -%}
{%- endmacro %}


{# The rows of `source` into {{ this }}: a column that is in `_kept` was not sent, and stays what it is. Rows computed from
   the whole log replace what is there. #}
{% macro merge_current_state(source, key, columns) %}
    {%- set merge %}
merge into {{ this }} as t
using (
{{ source }}
) as s
on {{ same('t', 's', key) }}
when matched and (s._is_whole or s._offset > t._offset) then update set
    {%- for column in columns if column not in key %}
    {{ column }} = {% if column in ['_source_lsn', '_ingested_at'] %}greatest(s.{{ column }}, t.{{ column }})
                   {%- elif column.startswith('_') %}s.{{ column }}
                   {%- else %}case when array_contains(s._kept, '{{ column }}') then t.{{ column }} else s.{{ column }} end{% endif %}{{ ',' if not loop.last }}
    {%- endfor %}
when not matched then insert ({{ columns | join(', ') }}) values ({{ of('s', columns) }})
    {%- endset -%}
    {{ return(merged(merge)) }}
{% endmacro %}
