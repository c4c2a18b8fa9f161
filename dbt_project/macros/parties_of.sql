{#-
    Whose yes or no counts for a conversion: its person's, or its own where nobody is known, and that of the person whom
    its own identifiers name. A word is spread by the same rule that conversions listen by.
-#}
{% macro parties_of(conversions) -%}
    lateral (
        values
        (coalesce({{ conversions }}.person_id, {{ conversions }}.conversion_id)),
        ({{ conversions }}.own_person_id)
    ) as party (id)
{%- endmacro %}
