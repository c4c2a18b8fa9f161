{#-
    The plan's rules: what may stand against sending, in the order in which it counts. The first that stands is the
    reason and says the decision; the facts of all rules together are what decided.

    Conditions and facts read the columns of delivery_plan's last step. A condition that is null does not stand. Facts
    are codes, counts, kinds and times: no identifier and no click id.
-#}
{% macro plan_rules() %}
    {{- return([
        {
            'code': 'no_route', 'decision': 'never',
            'when': 'action is null',
            'facts': {'kind': 'kind', 'action': 'action'},
        },
        {
            'code': 'route_inactive', 'decision': 'never',
            'when': 'not is_route_active',
            'facts': {'is_route_active': 'is_route_active'},
        },
        {
            'code': 'reversed', 'decision': 'never',
            'when': 'is_reversed',
            'facts': {'is_reversed': 'is_reversed'},
        },
        {
            'code': 'value_missing', 'decision': 'never',
            'when': 'needs_value and (value is null or currency is null)',
            'facts': {
                'needs_value': 'needs_value',
                'has_value': 'value is not null',
                'has_currency': 'currency is not null',
            },
        },
        {
            'code': 'consent_denied', 'decision': 'never',
            'when': "consent = 'denied'",
            'facts': {'consent': "coalesce(consent, 'unknown')", 'consent_at': 'consent_at'},
        },
        {
            'code': 'consent_unknown', 'decision': 'hold',
            'when': "consent is null and legal_basis = 'consent' and unknown_consent = 'hold'",
            'facts': {
                'region': 'region',
                'legal_basis': 'legal_basis',
                'unknown_consent': 'unknown_consent',
                'policy_from': 'policy_from',
                'limited_data_use': 'limited_data_use',
            },
        },
        {
            'code': 'no_identifier', 'decision': 'never',
            'when': 'not has_click and hash_kinds is null',
            'facts': {
                'click_kinds': "to_jsonb(array_remove(click_kinds, null))",
                'hash_kinds': "to_jsonb(coalesce(hash_kinds, '{}'))",
                'channel': 'channel',
            },
        },
        {
            'code': 'too_old', 'decision': 'never',
            'when': 'expires_at <= ' ~ current_moment(),
            'facts': {
                'age_hours': 'floor(extract(epoch from ' ~ current_moment() ~ ' - converted_at) / 3600)::integer',
                'expires_at': 'expires_at',
            },
        },
    ]) -}}
{% endmacro %}

{#- The codes of all rules that stand against sending, in order. -#}
{% macro standing_rules() -%}
    array_remove(
        array[
            {%- for rule in plan_rules() %}
            case when {{ rule.when }} then '{{ rule.code }}' end{{ ',' if not loop.last }}
            {%- endfor %}
        ]::text [],
        null
    )
{%- endmacro %}

{#- The values that decided, by name; null where there is none. -#}
{% macro deciding_facts() -%}
    {%- set pairs = [] -%}
    {%- for rule in plan_rules() -%}
        {%- for name, value in rule.facts.items() -%} {%- do pairs.append("'" ~ name ~ "', " ~ value) -%} {%- endfor -%}
    {%- endfor -%}
    jsonb_build_object(
        {{ pairs | join(',\n        ') }}
    )
{%- endmacro %}

{#- What the first standing rule says; without one it is sent. -#}
{% macro decision_of(code) -%}
    case {{ code }}
        {%- for rule in plan_rules() %}
        when '{{ rule.code }}' then '{{ rule.decision }}'
        {%- endfor %}
        else 'send'
    end
{%- endmacro %}
