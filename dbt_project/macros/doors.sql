{#-
    Which of a platform's doors an outcome goes through. The sender's own choice is `lane` of
    orchestration/deliveries/destinations/<platform>.py; a test holds the two against each other.
-#}

{#- Names that a WhatsApp thread can be told at Meta, of those that outcomes have. -#}
{% macro messaging_names() %}
    {{- return([
        'Purchase', 'LeadSubmitted', 'QualifiedLead', 'InitiateCheckout', 'AddToCart', 'ViewContent', 'OrderCreated',
        'OrderShipped', 'OrderDelivered', 'OrderCanceled', 'OrderReturned', 'CartAbandoned', 'RatingProvided',
        'ReviewProvided',
    ]) -}}
{% endmacro %}

{#- A value of the account's configuration; null where it has none. -#}
{% macro setting(name) -%} nullif(config ->> ({{ name }}), '') {%- endmacro %}

{#- Whether the person can be told by the WhatsApp thread: it names its account, and the name is one of its own. -#}
{% macro is_in_thread() -%}
    (
        ctwa_clid is not null
        and {{ setting("'whatsapp_business_account_id'") }} is not null
        and action in ('{{ messaging_names() | join("', '") }}')
    )
{%- endmacro %}

{#- Whether TikTok can be told by the id that it gave the lead: a limit on the use of data goes with web events alone. -#}
{% macro is_in_event_set() -%}
    (
        tiktok_lead_id is not null
        and {{ setting("'crm_event_set_id'") }} is not null
        and not limited_data_use
    )
{%- endmacro %}

{% macro meta_door() -%}
    case
        when 'meta_lead_id' = any(click_kinds) then 'crm'
        when 'ctwa_clid' = any(click_kinds) then 'messaging'
        when {{ meta_source() }} = 'physical_store' and hash_kinds is null then 'system_generated'
        else coalesce({{ meta_source() }}, 'system_generated')
    end
{%- endmacro %}

{% macro meta_source() -%}
    coalesce({{ setting("'action_source_' || kind") }}, {{ setting("'action_source'") }})
{%- endmacro %}

{% macro tiktok_door() -%}
    case
        when 'tiktok_lead_id' = any(click_kinds) then 'crm'
        when {{ setting("'site_url'") }} is null then 'offline'
        when
            limited_data_use
            or ttclid is not null
            or {{ setting("'event_source'") }} = 'web'
            or {{ setting("'offline_event_set_id'") }} is null
            then 'web'
        else 'offline'
    end
{%- endmacro %}
