{#- Every row that names another model's row, within its tenant, names one that is there. -#}
{% test refers_to(model, to, column, field) %}
    select source.tenant_id, source.{{ column }}
    from {{ model }} as source
    left join {{ to }} as target
        on source.tenant_id = target.tenant_id and source.{{ column }} = target.{{ field }}
    where source.{{ column }} is not null and target.tenant_id is null
{% endtest %}
