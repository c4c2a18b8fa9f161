{#- Values that come from outside: a cast never raises, it gives null. -#}

{#- The first of the named members that is text, a number or a boolean and not blank; of a list its first element. -#}
{% macro json_text(column, names) -%}
    coalesce(
    {%- for name in names %}
        {%- set member = column ~ " -> '" ~ name ~ "'" %}
        nullif(btrim(case jsonb_typeof({{ member }})
            when 'array' then {{ member }} ->> 0
            when 'object' then null
            else {{ column }} ->> '{{ name }}'
        end, e' \t\r\n'), ''){{ ',' if not loop.last }}
    {%- endfor %}
    )
{%- endmacro %}

{#- Text that is to be a key or is indexed: what is longer was never one. -#}
{% macro limited(value, length=512) -%}
    case when char_length({{ value }}) <= {{ length }} then {{ value }} end
{%- endmacro %}

{% macro is_digits(value) -%}
    {{ value }} ~ '^[0-9]+$'
{%- endmacro %}

{#- `numeric(18,2)` of a plain decimal number, else null. -#}
{% macro safe_numeric(value) -%}
    case when {{ value }} ~ '^-?[0-9]{1,15}([.][0-9]{1,9})?$' then ({{ value }})::numeric(18, 2) end
{%- endmacro %}

{#-
    A moment: ISO 8601 with or without zone, a day, Unix seconds or milliseconds; else null. Without a zone it is the
    given zone's. `pg_input_is_valid` would do, but Postgres 15 has none, so the calendar is in the pattern.
-#}
{% macro safe_timestamptz(value, zone) -%}
    {%- set year = '(19|20)[0-9]{2}' -%}
    {%- set leap = '((19|20)(0[48]|[2468][048]|[13579][26])|2000)' -%}
    {%- set day = '(' ~ year ~ '-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])'
        ~ '|' ~ year ~ '-(0[469]|11)-(0[1-9]|[12][0-9]|30)'
        ~ '|' ~ year ~ '-02-(0[1-9]|1[0-9]|2[0-8])'
        ~ '|' ~ leap ~ '-02-29)' -%}
    {%- set clock = '([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?' -%}
    {%- set offset = ' ?(Z|z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)' -%}
    case
        when {{ value }} ~ '^{{ day }}[Tt ]{{ clock }}{{ offset }}$' then ({{ value }})::timestamptz
        when {{ value }} ~ '^{{ day }}([Tt ]{{ clock }})?$' then ({{ value }})::timestamp at time zone {{ zone }}
        when {{ value }} ~ '^[0-9]{9,10}$' then to_timestamp(({{ value }})::bigint)
        when {{ value }} ~ '^[0-9]{13}$' then to_timestamp(({{ value }})::bigint / 1000.0)
    end
{%- endmacro %}

{#- 'granted', 'denied' or null, from the ways in which people and forms say yes and no. -#}
{% macro consent_of(value) -%}
    case
        when {{ fold_case(value) }} in ('granted', 'true', 'evet', 'yes', 'on', '1') then 'granted'
        when {{ fold_case(value) }} in ('denied', 'false', 'hayır', 'hayir', 'no', 'off', '0') then 'denied'
    end
{%- endmacro %}

{#- A country as ISO 3166-1 alpha-2, where it was given so. -#}
{% macro region_of(value) -%}
    case when upper({{ value }}) ~ '^[A-Z]{2}$' then upper({{ value }}) end
{%- endmacro %}

{#- Lower case that does not depend on the server's locale: `I` and `İ` become `i`, never `ı` or `i` with a dot. -#}
{% macro fold_case(value) -%}
    lower(translate({{ value }}, 'IİŞĞÜÖÇ', 'iişğüöç'))
{%- endmacro %}

{#- Campaign text without an e-mail address or phone number, which some senders put into UTM fields. -#}
{% macro scrubbed(value) -%}
    case
        when strpos({{ value }}, '@') > 0 and {{ value }} ~ '[^[:space:]@]+@[^[:space:]@]+[.][^[:space:]@]+'
            then '[redacted]'
        when strpos({{ value }}, '+') > 0 and {{ value }} ~ '[+][0-9][0-9 ()-]{8,}' then '[redacted]'
        else left({{ value }}, 512)
    end
{%- endmacro %}

{#- A key hashed from separated parts; each part is text and not null. -#}
{% macro key_of(parts) -%}
    left(encode(sha256(convert_to({{ parts | join(" || e'\\x1f' || ") }}, 'UTF8')), 'hex'), 32)
{%- endmacro %}
