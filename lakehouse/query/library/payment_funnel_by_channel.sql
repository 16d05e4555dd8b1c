-- title: Payment funnel by channel
-- question: Of the payments requested in each channel, how many were authorized, captured, failed?
-- grain: channel
-- owner: payments-platform
with steps as (
    select
        channel,
        count(*) as requested_count,
        sum(case when authorized_at is not null then 1 else 0 end) as authorized_count,
        sum(case when is_captured then 1 else 0 end) as captured_count,
        sum(case when status = 'failed' then 1 else 0 end) as failed_count
    from gold.fct_payments
    group by channel
)

select
    channel,
    requested_count,
    authorized_count,
    captured_count,
    failed_count,
    cast(authorized_count as double) / cast(requested_count as double) as authorization_rate,
    cast(captured_count as double) / cast(requested_count as double) as capture_rate
from steps
order by channel nulls last
