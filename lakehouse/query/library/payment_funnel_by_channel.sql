-- title: Payment funnel by channel
-- question: Of the payments requested in each channel, how many were authorized, captured, failed?
-- grain: channel
-- owner: payments-platform
select
    channel,
    metric(requested_count) as requested_count,
    metric(authorized_count) as authorized_count,
    metric(captured_count) as captured_count,
    metric(failed_count) as failed_count,
    metric(authorization_rate) as authorization_rate,
    metric(conversion_rate) as conversion_rate
from gold.fct_payments
group by channel
order by channel nulls last
