{#
    What a model of gold has not seen yet. Batches of one bronze table become known in the order of their times; those of
    two tables do not, for each is landed by a query of its own. So what is new of a table is told by that table's own times:
    `read_before` says up to where the last complete build had read each bronze table, `ingested_until` up to where this one
    does. See docs/adr/0008.
#}


{# A predicate: what `column`, a time at which a row of the bronze table `table` became known, has that the last complete build
   had not. 'true' where that is unknown or all rows are wanted, 'false' where there is nothing. #}
{% macro is_new(column, table) -%}
    {%- set before = var('read_before', {}).get(table) -%}
    {%- if not is_incremental() or not before -%} true
    {%- elif before == var('ingested_until', {}).get(table) -%} false
    {%- else -%} {{ column }} > timestamp '{{ before }}'
    {%- endif -%}
{%- endmacro %}


{# A predicate: `column` is one of what `chosen`, over the rows of `relation as news` for which `new` holds, gives. #}
{% macro is_among(column, chosen, relation, new) -%}
    {%- if new in ('true', 'false') -%} {{ new }}
    {%- else -%} {{ column }} in (select /*+ broadcast(news) */ {{ chosen }} from {{ relation }} as news where {{ new }})
    {%- endif -%}
{%- endmacro %}


{# A predicate: `column` names one of the rows of `relation` that `is_new`, by their `id`. #}
{% macro names_new(column, relation, id, known_at, table) -%}
    {{- is_among(column, 'news.' ~ id, relation, is_new('news.' ~ known_at, table)) -}}
{%- endmacro %}


{# The same for a member of a dimension with versions: `merchant` expects `merchant_id`. Staging has every member, one whose
   versions went, too. #}
{% macro names_new_version(alias, entity) -%}
    {%- set id, table = entity ~ '_id', 'ledger__' ~ entity ~ 's' -%}
    {{- names_new(alias ~ '.' ~ id, ref('stg_' ~ table), id, '_ingested_at', table) -}}
{%- endmacro %}


{# The same for a payment. Its refunds and disputes show what it refers to. #}
{% macro names_new_payment(column) -%}
    {%- set new = any_of([
        is_new('news._ingested_at', 'ledger__payments'),
        names_new_version('news', 'customer'),
        names_new_version('news', 'merchant'),
        names_new_version('news', 'product'),
    ]) -%}
    {{- is_among(column, 'news.payment_id', ref('stg_ledger__payments'), new) -}}
{%- endmacro %}


{# A predicate: `column` is what `id` was in one of the rows of the fact `relation` that this build wrote anew: a refund can move to
   another payment. #}
{% macro names_former(column, relation, id) -%}
    {%- if execute and is_incremental() and is_kept('before', relation) -%} {{ column }} in (select {{ id }} from {{ kept_as('before', relation) }})
    {%- else -%} false
    {%- endif -%}
{%- endmacro %}


{# A predicate: a rate that may hold on the day `date` (dim_fx_rates.sql) is new, or was deleted. #}
{% macro has_new_rate(date) -%}
    {%- set days = 'explode(sequence(news.rate_on, date_add(news.rate_on, 6)))' -%}
    {{- is_among(date, days, ref('stg_ledger__fx_rates'), is_new('news._ingested_at', 'ledger__fx_rates')) -}}
{%- endmacro %}


{% macro any_of(predicates) -%}
    {%- set told = predicates | reject('equalto', 'false') | list -%}
    {{- 'true' if 'true' in told else told | join('\n        or ') or 'false' -}}
{%- endmacro %}


{% macro where_(predicate) -%}
    {%- if predicate != 'true' -%} where {{ predicate }} {%- endif -%}
{%- endmacro %}


{# The columns `key` of the rows of `relation as alias` for which `new` holds, kept for the statements of this model, as a view
   of this name. None where all rows are wanted. #}
{% macro kept_keys(relation, alias, key, new) -%}
    {%- if new not in ('true', 'false') and execute -%}
        {%- do keep(kept_as('touched'), 'select distinct ' ~ of(alias, key) ~ ' from ' ~ relation ~ ' as ' ~ alias ~ ' where ' ~ new) -%}
        {{- kept_as('touched') -}}
    {%- endif -%}
{%- endmacro %}


{# `left semi join` with those keys; nothing where all rows are wanted. With `time`, one of the kept columns, no file outside
   their span of it is read. #}
{% macro only(kept, alias, key, time=none) -%}
    {%- if kept -%} left semi join {{ kept }} as touched on {{ same(alias, 'touched', key) }}
    {%- if time %} where {{ within(alias ~ '.' ~ time, run_query('select ' ~ span(time) ~ ' from ' ~ kept).rows[0]) }} {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# Aggregates: how many rows there are, how many have a `time`, the first and the last of it. #}
{% macro span(time) -%}
    count(*), count({{ time }}), cast(min({{ time }}) as string), cast(max({{ time }}) as string)
{%- endmacro %}


{# A predicate made of literals, by which Delta skips files: `column` is in a span, as `span` gives it. #}
{% macro within(column, span) -%}
    {%- set rows, timed, first, last = span -%}
    {%- if not rows -%} false
    {%- elif rows != timed -%} true
    {%- else -%} {{ column }} between timestamp '{{ first }}' and timestamp '{{ last }}'
    {%- endif -%}
{%- endmacro %}


{# The rows of `relation`, those of which something was learnt where `new` says which; deleted ones are marked `_is_gone`, and
   left out of a table that is built anew. #}
{% macro found_rows(relation, new, columns) -%}
{{ nothing_new() if new == 'false' }}
{{- a_part() if new not in ('true', 'false') }}
select
    {%- for column in columns %}
    {{ column }}{{ ',' if is_incremental() or not loop.last }}
    {%- endfor %}
    {%- if is_incremental() %}
    _is_gone
    {%- endif %}
from {{ relation }}
{% if not is_incremental() %}where not _is_gone{% endif %}
{%- endmacro %}
