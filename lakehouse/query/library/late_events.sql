-- title: Late events
-- question: Which checkout events reach Kafka later than their horizon?
-- grain: event_name
-- owner: payments-platform
select
    event_name,
    count(*) as event_count,
    sum(case when is_late then 1 else 0 end) as late_count,
    max(known_at) as last_known_at
from gold.fct_events
group by event_name
order by event_name nulls last
