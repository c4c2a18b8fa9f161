{#- The columns together name one row, and none of them is null: a null key would be merged as a new row each time. -#}
{% test unique_key(model, columns) %}
    {%- set key = columns | join(', ') -%}
    select {{ key }}
    from {{ model }}
    group by {{ key }}
    having count(*) > 1 or num_nulls({{ key }}) > 0
{% endtest %}
