{#
    Grain: one row per WhatsApp message that a person sent us.
    Reads: raw.events. Feeds: stg_landings__values, stg_identifiers__values, int_touches__identified.

    Why so: a wa_id is an E.164 number without its plus sign. A referral's source_url is the ad's own post, not a
    landing page; only what the text holds is parsed.
#}
{{
    config(
        unique_key=['tenant_id', 'message_id'],
        indexes=[
            {'columns': ['tenant_id', 'message_id'], 'unique': true},
            {'columns': ['tenant_id', 'touch_id']},
            {'columns': ['received_at']},
            {'columns': ['staged_at']},
        ],
    )
}}

with

events as (

    select events.*
    from {{ source('raw', 'events') }} as events
    where
        events.source = 'whatsapp'
        and jsonb_typeof(events.payload -> 'message') = 'object'
    {% if is_incremental() %}
    and events.received_at >= {{ window_start() }}
    and not exists (
        select 1
        from {{ this }} as known
        where
            known.tenant_id = events.tenant_id
            and known.message_id = events.dedupe_key
    )
    {% endif %}

),

named as (

    select
        tenant_id,
        dedupe_key as message_id,
        received_at,
        occurred_at,
        {{ json_text("payload -> 'message'", ['timestamp']) }} as sent_at,
        {{ json_text("payload -> 'metadata'", ['phone_number_id']) }} as phone_id,
        coalesce(
            {{ json_text("payload -> 'message'", ['from']) }},
            {{ json_text("payload -> 'contacts' -> 0", ['wa_id']) }}
        ) as chat_number,
        {{ json_text("payload -> 'message'", ['type']) }} as message_type,
        coalesce(
            {{ json_text("payload -> 'message' -> 'text'", ['body']) }},
            {{ json_text("payload -> 'message' -> 'button'", ['text']) }},
            {{ json_text("payload -> 'message' -> 'image'", ['caption']) }},
            {{ json_text("payload -> 'message' -> 'video'", ['caption']) }}
        ) as message_text,
        {{ json_text("payload -> 'message' -> 'referral'", ['source_id']) }} as ref_id,
        {{ json_text("payload -> 'message' -> 'referral'", ['ctwa_clid']) }} as ctwa_clid,
        {{ json_text("payload -> 'contacts' -> 0 -> 'profile'", ['name']) }} as profile_name
    from events

),

typed as (

    select
        -- keys
        tenant_id,
        message_id,
        {{ key_of(["tenant_id::text", "'touch'", "'whatsapp'", "message_id"]) }} as touch_id,
        {{ limited('phone_id', 128) }} as phone_id,

        -- times
        coalesce({{ safe_timestamptz('sent_at', "'UTC'") }}, occurred_at, received_at) as sent_at,
        received_at,
        now() as staged_at,

        -- where the person came from; without a dot between letters there is no address in a text
        {{ limited('ref_id', 128) }} as ref_id,
        {{ limited('ctwa_clid') }} as ctwa_clid,
        message_type,
        message_text,
        case
            when message_text ~ '[^[:space:]][.][^[:space:]]'
                then encode(sha256(convert_to(message_text, 'UTF8')), 'hex')
        end as landing_key,

        -- who it is
        case when chat_number ~ '^[0-9]{5,20}$' then '+' || chat_number end as phone,
        {{ limited('profile_name') }} as profile_name
    from named

)

select * from typed
