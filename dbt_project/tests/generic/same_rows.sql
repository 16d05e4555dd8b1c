{# No fan-out, no lost rows: the keys of a fact are those of its staging table, each once, deleted ones left out. With
   `is_grouped`, a row of the fact is several of staging. #}
{% test same_rows(model, staging, key, of_payment=false, has_deletions=true, is_grouped=false) %}
with expected as (
    select source.{{ key }}, {{ '1' if is_grouped else 'count(*)' }} as copies
    from {{ staging }} as source
    {%- if of_payment %}
    left join {{ ref('stg_ledger__payments') }} as payments on source.payment_id = payments.payment_id
    {%- endif %}
    where {{ 'not source._is_deleted' if has_deletions else 'true' }}
    {%- if of_payment %} and not coalesce(payments._is_deleted, false){% endif %}
    group by source.{{ key }}
),
found as (
    select {{ key }}, count(*) as copies
    from {{ model }}
    group by {{ key }}
)
select
    coalesce(expected.{{ key }}, found.{{ key }}) as {{ key }},
    coalesce(expected.copies, 0) as expected_rows,
    coalesce(found.copies, 0) as found_rows
from expected
full outer join found on expected.{{ key }} = found.{{ key }}
where coalesce(expected.copies, 0) <> coalesce(found.copies, 0)
{% endtest %}
