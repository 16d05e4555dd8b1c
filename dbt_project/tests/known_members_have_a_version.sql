-- A fact that points to '(unknown)' names nobody, or somebody that the dimension does not know: the versions of a member cover
-- all time.
{%- set facts = {
    'fct_payments': ('payment_id', ['customer', 'merchant', 'product']),
    'fct_refunds': ('refund_id', ['customer', 'merchant']),
    'fct_disputes': ('dispute_id', ['customer', 'merchant']),
    'fct_events': ('event_id', ['customer', 'merchant', 'product']),
    'fct_payouts': ('payout_id', ['merchant']),
    'fct_ledger_entries': ('entry_id', ['merchant']),
} %}
{%- for fact, (id, members) in facts.items() %}
    {%- set last = loop.last %}
    {%- for member in members %}
select '{{ fact }}' as fact, cast(fact.{{ id }} as string) as id, fact.{{ member }}_id as member_id
from {{ ref(fact) }} as fact
left semi join {{ ref('dim_' ~ member ~ 's') }} as members on fact.{{ member }}_id = members.{{ member }}_id
where fact.{{ member }}_key = '(unknown)' and fact.{{ member }}_id <> '(unknown)'
{{- '\nunion all' if not (last and loop.last) }}
    {%- endfor %}
{%- endfor %}
