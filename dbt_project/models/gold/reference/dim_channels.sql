-- One row per channel in which payments or visits are made, and one for an unknown one.
{{ config(unique_key='channel', incremental_strategy='differences', meta={'complete': true}) }}

select channel, channel_name, is_online
from values
    ('web', 'Web shop', true),
    ('mobile', 'Mobile app', true),
    ('point_of_sale', 'Point of sale', false),
    ('api', 'Merchant''s own system', true),
    ('(unknown)', null, null)
as channels(channel, channel_name, is_online)
