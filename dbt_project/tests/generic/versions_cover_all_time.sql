{# The versions of each member follow one another without a gap or an overlap, from the beginning to the end of time. #}
{% test versions_cover_all_time(model, entity) %}
select {{ entity }}_id, {{ entity }}_key, effective_from, effective_to, previous_to
from (
    select
        *,
        lag(effective_to, 1, {{ beginning() }}) over (of_member) as previous_to,
        row_number() over (of_member) = count(*) over (partition by {{ entity }}_id) as is_last
    from {{ model }}
    window of_member as (partition by {{ entity }}_id order by effective_from nulls last)
) as versions
where not (
    effective_from <=> previous_to
    and effective_from < effective_to
    and is_current <=> is_last
    and (effective_to <=> {{ end_of_time() }}) = is_last
)
{% endtest %}
