-- One row per step of a checkout session: the first message that told it. Sessions that were abandoned are there too.
{{ config(unique_key='event_id', incremental_strategy='differences', meta={'ordered_by': 'occurred_at', 'summed_by': ['session_id']}) }}
{%- set new = any_of([
    is_new('events._ingested_at', 'events__checkout'),
    names_new_version('events', 'customer'),
    names_new_version('events', 'merchant'),
    names_new_version('events', 'product'),
]) %}

with joined as (
    select
        events.event_id,
        {{ key_of('customer', 'customers') }},
        {{ key_of('merchant', 'merchants') }},
        {{ key_of('product', 'products') }},
        events.session_id,
        events.event_name,
        case events.event_name
            when 'session_started' then 1
            when 'product_viewed' then 2
            when 'checkout_started' then 3
            when 'payment_submitted' then 4
            when 'payment_completed' then 5
        end as funnel_step,
        events.customer_id,
        events.merchant_id,
        events.product_id,
        events.payment_id,
        events.channel,
        events.country_code,
        events.occurred_at,
        cast(events.occurred_at as date) as occurred_on,
        events._is_late as is_late,
        greatest(
            events._ingested_at,
            coalesce(customers.known_at, events._ingested_at),
            coalesce(merchants.known_at, events._ingested_at),
            coalesce(products.known_at, events._ingested_at)
        ) as known_at,
        false as _is_gone
    from {{ ref('stg_events__checkout') }} as events
    {{ join_version('customer', 'customers', 'events.customer_id', 'events.occurred_at') }}
    {{ join_version('merchant', 'merchants', 'events.merchant_id', 'events.occurred_at') }}
    {{ join_version('product', 'products', 'events.product_id', 'events.occurred_at') }}
    {{ where_(new) }}
)

{{ found_rows('joined', new, [
    'event_id',
    'customer_key',
    'merchant_key',
    'product_key',
    'session_id',
    'event_name',
    'funnel_step',
    'customer_id',
    'merchant_id',
    'product_id',
    'payment_id',
    'channel',
    'country_code',
    'occurred_at',
    'occurred_on',
    'is_late',
    'known_at',
]) }}
