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

{#- Which ad platform a touch came from: by its click id, else by its source. -#}
{% macro platform_of(source, gad_campaignid) -%}
    case
        when ctwa_clid is not null or ref_id is not null then 'meta'
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
