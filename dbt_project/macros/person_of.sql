{#- The person behind a record, from the best identifier it has: phone, e-mail, else the record itself (or null). -#}
{% macro person_of(tenant, phone, email, record='null::text') -%}
    case
        when {{ phone }} is not null then {{ key_of([tenant ~ "::text", "'person'", "'phone'", phone]) }}
        when {{ email }} is not null then {{ key_of([tenant ~ "::text", "'person'", "'email'", email]) }}
        else {{ key_of([tenant ~ "::text", "'person'", "'record'", record]) }}
    end
{%- endmacro %}
