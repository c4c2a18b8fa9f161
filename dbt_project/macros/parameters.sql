{#- The parameters of a landing, under their own names. -#}
{% macro landing_parameters() %}
    {{- return(['utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'campaign_id', 'campaign_name',
        'adgroup_id', 'gclid', 'gbraid', 'wbraid', 'fbclid', 'ttclid', 'msclkid', 'twclid', 'li_fat_id', 'ctwa_clid',
        'kcid', 'kpv']) -}}
{% endmacro %}

{#- The click ids by which platforms know a click. -#}
{% macro click_ids() %}
    {{- return(['gclid', 'gbraid', 'wbraid', 'fbclid', 'ttclid', 'ctwa_clid']) -}}
{% endmacro %}

{#- The ids by which platforms know a lead of their own forms. -#}
{% macro lead_ids() %}
    {{- return(['meta_lead_id', 'tiktok_lead_id']) -}}
{% endmacro %}

{#- Whatever a platform knows one of its visitors by: a click, or a lead of its own form. -#}
{% macro platform_ids() %}
    {{- return(click_ids() + lead_ids()) -}}
{% endmacro %}

{#- The members of a payload in which a platform's lead id comes. -#}
{% macro lead_id_members(kind) %}
    {{- return({'meta_lead_id': ['meta_lead_id', 'leadgen_id'], 'tiktok_lead_id': ['tiktok_lead_id']}[kind]) -}}
{% endmacro %}

{#- A platform's lead id, else null: Meta's has 15 to 17 digits (Conversions API, parameter lead_id), TikTok's is a number. -#}
{% macro lead_id_of(kind) -%}
    case when {{ kind }} ~ '{{ {'meta_lead_id': '^[0-9]{15,17}$', 'tiktok_lead_id': '^[0-9]{1,20}$'}[kind] }}' then {{ kind }} end
{%- endmacro %}

{#- Which ad platform a touch came from: by its click or lead id, else by its source. -#}
{% macro platform_of(source, gad_campaignid) -%}
    case
        when meta_lead_id is not null or ctwa_clid is not null or ref_id is not null then 'meta'
        when tiktok_lead_id is not null then 'tiktok'
        when coalesce(gclid, gbraid, wbraid, {{ gad_campaignid }}) is not null then 'google'
        when fbclid is not null then 'meta'
        when ttclid is not null then 'tiktok'
        when msclkid is not null then 'microsoft'
        when twclid is not null then 'twitter'
        when li_fat_id is not null then 'linkedin'
        when {{ source }} in ('google', 'youtube') then 'google'
        when {{ source }} in ('facebook', 'instagram', 'messenger', 'whatsapp') then 'meta'
        when {{ source }} = 'tiktok' then 'tiktok'
        when {{ source }} = 'bing' then 'microsoft'
        when {{ source }} in ('twitter', 'linkedin', 'snapchat', 'pinterest') then {{ source }}
    end
{%- endmacro %}
