{#-
    A common table expression: tokens whose person may have changed since this model was written, because a hash was
    resolved or an e-mail was linked to a phone. Reads the expressions `resolved` and `links`.
-#}
{% macro written_tokens() %}
written_tokens as (

    select
        tenant_id,
        kind,
        token
    from resolved
    where resolved_at > {{ last_written('built_at') }}

    union

    select
        tenant_id,
        'email' as kind,
        email_token as token
    from links
    where linked_at > {{ last_written('built_at') }}

    union

    -- A hash of an e-mail that was linked.
    select
        resolved.tenant_id,
        resolved.kind,
        resolved.token
    from links
    inner join resolved
        on
            links.tenant_id = resolved.tenant_id
            and links.email_token = resolved.resolved_token
            and resolved.kind = 'email'
    where links.linked_at > {{ last_written('built_at') }}

)
{%- endmacro %}
