{#
    Changes that a log holds again. Whoever writes to Kafka may start again from an earlier point after a crash, and
    write once more what was written: the changes m1 m2 m3 become m1 m2 m3 m2 m3, each with its own offset.

    A change is a repeat if the log of its key has had the same one before (position in the source's log, transaction,
    operation, values) and has since reached a later position. Repeats are ignored. Positions alone decide nothing: they
    may be equal, out of order between transactions, absent, and start anew when a database is restored.
#}

{# What {{ this }} has read: `ingested_at`, and for each partition the furthest offset and source position. #}
{% macro what_is_read() -%}
    {%- set places = run_query(
        'select _partition, max(_offset), max(_source_lsn), cast(max(_ingested_at) as string) from ' ~ this
        ~ ' where _partition is not null group by _partition').rows -%}
    {{ return({'places': places, 'ingested_at': places | map(attribute=3) | max if places else none}) }}
{%- endmacro %}


{# Of the unread rows: how many `rows` say something, and whether all follow what was read
   before (`is_in_order`): none is at an offset already passed, or at an earlier position of the source than its key has
   reached, no tombstone lacks the change before it, and none is a truncate, which concerns all keys. #}
{% macro facts(relation, key, unread, known) -%}
    {%- set passed = '_offset <= element_at(' ~ by_partition(known.places, 1) ~ ', _partition)' -%}
    {%- set behind = '_source_lsn < element_at(' ~ by_partition(known.places, 2) ~ ', _partition)' -%}
    {%- set keys = 'partition by ' ~ key | join(', ') ~ ', _partition order by _offset nulls last' -%}
    {%- set found = run_query("
select count(*), count_if(_op = 't')
    , count_if(_source_lsn < _reached or _op = 'tombstone' and _before is null or " ~ passed ~ ")
    , count_if(" ~ behind ~ ")
from (
    select _op, _partition, _offset, _source_lsn
        , max(_source_lsn) over (" ~ keys ~ " rows between unbounded preceding and 1 preceding) as _reached
        , lag(_op) over (" ~ keys ~ ") as _before
    from " ~ relation ~ "
    where _op <> 'm' and " ~ unread ~ "
)").rows[0] -%}
    {%- set late = found[2] | int + found[1] | int -%}
    {%- if found[3] and not late -%}
        {#- Transactions that ran side by side are out of order too; only within a key does it mean a repeat. -#}
        {%- set late = run_query("
select 1 from (
    select " ~ key | join(', ') ~ ", _source_lsn from " ~ relation ~ "
    where _op <> 'm' and " ~ unread ~ " and (" ~ behind ~ ")
) as s
inner join " ~ this ~ " as t on " ~ same('s', 't', key) ~ "
where s._source_lsn < t._source_lsn
limit 1").rows | length -%}
    {%- endif -%}
    {{ return({'rows': found[0] | int, 'is_in_order': not late}) }}
{%- endmacro %}


{# Literal of a map from partition to the given column of `places`. #}
{% macro by_partition(places, column) -%}
map(
    {%- for place in places %}{{ place[0] }}, {{ 'null' if place[column] is none else place[column] ~ 'L' }}, {% endfor -%}
    -1, null)
{%- endmacro %}


{# Whether the log has a truncate; what is built then is more. #}
{% macro has_truncates(relation) -%}
    {{ return(execute and run_query("select 1 from " ~ relation ~ " where _op = 't' and " ~ readable(relation) ~ " limit 1").rows | length > 0) }}
{%- endmacro %}


{# CTEs up to `marked`: the rows of `changes` with `_is_repeat`. A tombstone after a repeated delete is one too, and the log
   of a key has the truncates of its partition. #}
{% macro marked_repeats(changes, key, values, truncated) -%}
    {%- set place = key | join(', ') ~ ', _partition' %}
compared as (
    select *
        , max(_source_lsn) over (partition by {{ place }} order by _offset nulls last rows between unbounded preceding and 1 preceding) as _reached
        , min(_offset) over (partition by {{ place }}, _source_lsn, _source_tx, _op, _content) as _first
    from (select *, xxhash64({{ (values + ['_unchanged']) | join(', ') }}) as _content from {{ changes }})
),
    {%- if truncated %}
emptied as (
    select _partition, array_agg(struct(_offset, _source_lsn)) as _truncates
    from {{ truncated }} where _op = 't' and {{ readable(truncated) }}
    group by _partition
),
    {%- endif %}
repeats as (
    select compared.*
        , coalesce(_source_lsn < _reached and _first < _offset, false)
        {%- if truncated %}
        or coalesce(_first < _offset and exists(_truncates, t -> t._offset < compared._offset and t._source_lsn > compared._source_lsn), false)
        {%- endif %} as _repeats
    from compared
    {%- if truncated %}
    left join emptied on emptied._partition = compared._partition
    {%- endif %}
),
marked as (
    select *
        , _repeats or coalesce(_op = 'tombstone' and lag(_repeats and _op = 'd') over (partition by {{ place }} order by _offset nulls last), false) as _is_repeat
    from repeats
)
{%- endmacro %}


{# The truncates of the whole log that are no repeats, as a subquery: the log of a truncate is that of its partition. #}
{% macro first_truncates(relation) -%}
(
    with truncates as (
        select *, min(_offset) over (partition by _partition, _source_lsn, _source_tx) as _first
        from {{ relation }} where _op = 't' and {{ readable(relation) }}
    )
    select truncates.* from truncates
    left anti join {{ relation }} as later
        on truncates._first < truncates._offset
        and later._partition = truncates._partition
        and later._offset > truncates._first and later._offset < truncates._offset
        and later._source_lsn > truncates._source_lsn
        and later._op <> 'm'
)
{%- endmacro %}
