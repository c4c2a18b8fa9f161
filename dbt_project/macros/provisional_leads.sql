{#-
    A message without a token was a lead of its own; once the token is there its touch belongs to the chat's lead,
    and the provisional one goes.
-#}
{% macro drop_leads_without_touch() %}
    {%- if is_incremental() -%}
        delete from {{ this }} as lead
        where
            lead.source = 'whatsapp'
            and lead.external_id is null
            and not exists (
                select 1
                from {{ ref('fct_touches') }} as touch
                where touch.tenant_id = lead.tenant_id and touch.lead_id = lead.lead_id
            )
    {%- endif -%}
{% endmacro %}

{#- And with the provisional lead go its days. -#}
{% macro drop_days_without_lead() %}
    {%- if is_incremental() -%}
        delete from {{ this }} as day
        where
            day.chat_id is null
            and not exists (
                select 1
                from {{ ref('fct_leads') }} as lead
                where lead.tenant_id = day.tenant_id and lead.lead_id = day.lead_id
            )
    {%- endif -%}
{% endmacro %}
