{#- Make room for the identifiers of conversions that were matched again since. -#}
{% macro forget_changed_conversions() %}
    {%- if is_incremental() -%}
        delete from {{ this }} as known
        using {{ ref('int_conversions__matched') }} as matched
        where
            matched.tenant_id = known.tenant_id
            and matched.conversion_id = known.conversion_id
            and matched.built_at > known.built_at
    {%- endif -%}
{% endmacro %}
