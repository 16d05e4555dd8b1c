{#
    One row per event: the first message that told it. Senders repeat themselves; what comes later is ignored.

    relation       bronze log of one event table
    id_column      what identifies an event
    time_column    when it happened
    horizon_hours  how long after that an event may reach Kafka; one that does later is kept, and marked `_is_late`
    columns        names of all declared columns

    First is by ingest batch, then by `_offset`: within a partition that is the order of the log, and across partitions
    it is the same for any split of the log into runs.
#}
{% macro first_event(relation, id_column, time_column, horizon_hours, columns) -%}
    {{- config(unique_key=[id_column], incremental_strategy='first_event') -}}
    {%- set values = columns | reject('equalto', id_column) | list -%}
    {%- set metadata = ['_partition', '_offset', '_ingested_at'] -%}
    {%- set late = 'coalesce(_kafka_at > ' ~ time_column ~ ' + interval ' ~ horizon_hours ~ ' hours, false) as _is_late' -%}
    {%- set goes_on = goes_on(columns + metadata + ['_is_late']) -%}
    {%- set newest = run_query('select cast(max(_ingested_at) as string) from ' ~ this).rows[0][0] if goes_on -%}
    {%- set unread = unread(relation, newest) -%}
    {%- if goes_on and not run_query('select 1 from ' ~ relation ~ ' where ' ~ unread ~ ' limit 1').rows -%}
        {{ nothing_new() }} in {{ relation }}
    {%- else -%}
        {{- all_rows() if not goes_on }}
with firsts as (
    select {{ id_column }}
        , min_by(struct({{ (values + metadata + [late]) | join(', ') }}), struct(_ingested_at, _offset, _partition)) as _first
    from {{ relation }}
    where {{ id_column }} is not null
      and {{ unread }}
    group by {{ id_column }}
)
select
    {%- for column in [id_column] + values if not column in columns %}
    {{ column }},
    {%- endfor %}
    {%- for column in columns %}
    {{ column if column == id_column else '_first.' ~ column }},
    {%- endfor %}
    {{ of('_first', metadata + ['_is_late']) }}
from firsts
    {%- endif -%}
{%- endmacro %}


{# The rows of `source` into {{ this }}: what is known already stays as it is. #}
{% macro merge_first_event(source, key, columns) %}
    {%- set merge %}
merge into {{ this }} as t
using (
{{ source }}
) as s
on {{ same('t', 's', key) }}
when not matched then insert ({{ columns | join(', ') }}) values ({{ of('s', columns) }})
    {%- endset -%}
    {{ return(merged(merge)) }}
{% endmacro %}
