-- One row per checkout session: when it began, and how far it came. A late step moves its session, whatever day that began on.
{{ config(unique_key='session_id', incremental_strategy='differences', meta={'ordered_by': 'started_at'}) }}
{%- set touched = touched_parts([(ref('fct_events'), 'session_id, occurred_at', 'true')]) %}
{%- set steps -%}
    select {{ span('at') }} from (
        select occurred_at as at from {{ touched }}
        union all
        select explode(array(there.started_at, there.last_step_at)) from {{ this }} as there {{ touched_members(touched, 'session_id', 'there.session_id') }}
    )
{%- endset %}

with events as (
    select facts.* from {{ ref('fct_events') }} as facts {{ touched_members(touched, 'session_id', 'facts.session_id') }}
    {% if touched %}where {{ within('facts.occurred_at', run_query(steps).rows[0]) }}{% endif %}
),

sessions as (
    select
        session_id,
        min(occurred_at) as started_at,
        max(occurred_at) as last_step_at,
        max(funnel_step) as furthest_step,
        min_by(channel, (occurred_at, event_id)) as channel,
        min_by(country_code, (occurred_at, event_id)) as country_code,
        min_by(merchant_id, (occurred_at, event_id)) as merchant_id,
        max(known_at) as known_at,
        false as _is_gone
    from events
    group by session_id
)

{{ found_rows('sessions', 'touched' if touched else 'true', [
    'session_id',
    'started_at',
    'last_step_at',
    'furthest_step',
    'channel',
    'country_code',
    'merchant_id',
    'known_at',
]) }}
