-- One row per checkout session: when it began, and how far it came. A late step moves its session, whatever day that began on.
{{ config(materialized='ephemeral', contract={'enforced': false}) }}

select
    session_id,
    min(occurred_at) as started_at,
    max(funnel_step) as furthest_step,
    min_by(channel, occurred_at) as channel,
    min_by(country_code, occurred_at) as country_code,
    min_by(merchant_id, occurred_at) as merchant_id,
    max(known_at) as known_at
from {{ ref('fct_events') }}
group by session_id
