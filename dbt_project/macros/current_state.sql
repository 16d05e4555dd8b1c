{#
    Current state of a change log: one row per key, by the newest `_offset` (docs/adr/0006).

    relation  bronze log of one table: rows carry `_op`, `_partition`, `_offset`, `_unchanged`
    key       names of the key columns
    columns   names of all declared columns, the key's among them or not

    A deleted key stays, `_is_deleted`, with the values it last had: an older change that comes late cannot bring it
    back. A column that PostgreSQL did not send (`_unchanged`) keeps its value. A truncate marks every key of its
    partition deleted. Logical messages ('m') say nothing about a row. The result is the same for any split of the log
    into runs, for any repetition of its rows, and when built anew.
#}
{% macro current_state(relation, key, columns) -%}
    {%- set key = [key] if key is string else key -%}
    {{- config(unique_key=key, incremental_strategy='current_state') -}}
    {%- set values = columns | reject('in', key) | list -%}
    {%- set declared = columns if key[0] in columns else key + values -%}
    {%- set facts = {'rows': 1, 'truncates': 1} -%}
    {%- set unread = unread(relation) -%}
    {%- if is_incremental() -%}
        {%- set counted = run_query(
            "select count(*), count_if(_op = 't') from " ~ relation ~ " where _op <> 'm' and " ~ unread).rows[0] -%}
        {%- do facts.update(rows=counted[0], truncates=counted[1]) -%}
    {%- endif -%}
    {%- if not facts['rows'] -%}
        {{ nothing_new() }} in {{ relation }}
    {%- else -%}
with changes as (
    select {{ (key + values) | join(', ') }}, _op, _partition, _offset, _source_at, _ingested_at
        , case when _op in ('c', 'r', 'u') then coalesce(_unchanged, cast(array() as array<string>)) end as _unchanged
    from {{ relation }}
    where _op in ('c', 'r', 'u', 'd', 'tombstone')
      and {{ key | join(' is not null and ') }} is not null
      and {{ unread }}
),
states as (
    select {{ key | join(', ') }}
    {%- for column in values %}
        , max_by(struct({{ column }} as value), case when not array_contains(_unchanged, '{{ column }}') then _offset end) as {{ column }}
    {%- endfor %}
        , max_by(struct(_op in ('d', 'tombstone') as is_deleted, _partition, _offset, _source_at, _ingested_at), _offset) as _newest
    from changes
    group by {{ key | join(', ') }}
)
    {%- if facts['truncates'] %},
truncates as (
    select max_by(struct(true as is_deleted, _partition, _offset, _source_at, _ingested_at), _offset) as _newest
    from {{ relation }}
    where _op = 't' and {{ unread }}
    group by _partition
),
ends as (
    select {{ of('states', key + values) }}
        , case when truncates._newest._offset > states._newest._offset then truncates._newest else states._newest end as _newest
    from states
    left join truncates on states._newest._partition = truncates._newest._partition
        {%- if is_incremental() %}
    union all
    select {{ of('this', key) }}
        {%- for column in values %}, null{% endfor %}, truncates._newest
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
    _newest.is_deleted as _is_deleted, _newest._partition, _newest._offset, _newest._source_at, _newest._ingested_at
    {%- if is_incremental() %}
    , array_compact(array(
        {%- for column in values %}case when {{ column }} is null then '{{ column }}' end{{ ', ' if not loop.last }}{% endfor -%}
    )) as _kept
    {%- endif %}
from {{ 'ends' if facts['truncates'] else 'states' }}
    {%- endif -%}
{%- endmacro %}


{# The rows of `source` into {{ this }}: a column that is in `_kept` was not sent, and stays what it is. #}
{% macro merge_current_state(source, key, columns) %}
    {%- set merge %}
merge into {{ this }} as t
using (
{{ source }}
) as s
on {{ same('t', 's', key) }}
when matched and s._offset > t._offset then update set
    {%- for column in columns if column not in key %}
    {{ column }} = {% if column.startswith('_') %}s.{{ column }}
                   {%- else %}case when array_contains(s._kept, '{{ column }}') then t.{{ column }} else s.{{ column }} end{% endif %}{{ ',' if not loop.last }}
    {%- endfor %}
when not matched then insert ({{ columns | join(', ') }}) values ({{ of('s', columns) }})
    {%- endset -%}
    {{ return(merged(merge)) }}
{% endmacro %}
