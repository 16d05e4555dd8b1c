{# Amounts above zero: a sign belongs to the ledger, an amount of nothing is a mistake. #}
{% test positive(model, columns) %}
select *
from {{ model }}
where {% for column in columns %}coalesce({{ column }}, 0) <= 0{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
