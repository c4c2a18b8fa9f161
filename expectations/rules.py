"""The rules, family by family in the order of the data's journey.

Belongs here: what must hold, how strictly, and why that strictly. Lives elsewhere: the statements (``queries.sql``),
which table runs which rules first (``suites/``), what to do when one fails (``docs/runbooks/``).

A ``critical`` rule closes the gate of the tenant that it fails for. ``blocking`` also stops the deliveries of the run
that finds it, for every tenant: it is for failures that can only be ours, and stands only on marts that nothing but
deliveries is made from. What one tenant's sender can cause is never blocking.
"""

from __future__ import annotations

from expectations.null_limits import limits_of
from expectations.rule import Limit, Rule

# Two tables are compared up to the newest row that the later one holds, as the earlier goes on growing meanwhile.
_SETTLING = (
    Limit(
        "settling_seconds",
        60,
        "a transaction commits after it was stamped; an import of a large file takes that long",
    ),
    Limit(
        "late_minutes",
        15,
        "a later table without any row is judged by what is older: a refresh takes two minutes",
    ),
)


def _raw_to_staging(code: str, table: str, source: str, what: str) -> Rule:
    return Rule(
        code=code,
        table=table,
        sentence=f"Every {what} that was stored is in staging, per day of arrival.",
        threshold="no day differs",
        severity="critical",
        query="find_days_raw_and_staging_differ",
        args={"source": source},
        limits=_SETTLING,
    )


def _records_to_staging(code: str, table: str, record: str, what: str) -> Rule:
    return Rule(
        code=code,
        table=table,
        sentence=f"Every {what} that was imported is in staging, per day of arrival.",
        threshold="no day differs",
        severity="critical",
        query="find_days_records_and_staging_differ",
        args={"record": record},
        limits=_SETTLING,
    )


RECONCILIATION = (
    Rule(
        code="REC1",
        table="staging.stg_intake__sender_counts",
        sentence="What a sender counted for a day is what was stored, or set aside with a reason.",
        threshold="no day differs; days are judged once a count arrived after their end",
        severity="critical",
        query="find_days_the_sender_counted_otherwise",
        reads=("staging.stg_csv__deals", "staging.stg_csv__leads"),
    ),
    _raw_to_staging("REC2", "staging.stg_forms__submissions", "form", "form submission"),
    Rule(
        code="REC3",
        table="marts.fct_touches",
        sentence="Every lead event in staging is exactly one touch, per source and day of the tenant.",
        threshold="no day of a source differs",
        severity="critical",
        blocking=True,
        query="find_days_staging_and_touches_differ",
        limits=_SETTLING,
    ),
    Rule(
        code="REC4",
        table="marts.fct_conversions",
        sentence="Every outcome in staging is exactly one conversion, per source and day of the tenant.",
        threshold="no day of a source differs",
        severity="critical",
        blocking=True,
        query="find_days_staging_and_conversions_differ",
        limits=_SETTLING,
    ),
    _raw_to_staging("REC5", "staging.stg_whatsapp__messages", "whatsapp", "WhatsApp message"),
    _raw_to_staging("REC6", "staging.stg_crm__conversions", "crm", "CRM conversion"),
    _records_to_staging("REC7", "staging.stg_csv__leads", "lead", "lead of a file"),
    _records_to_staging("REC8", "staging.stg_csv__deals", "deal", "deal of a file"),
    Rule(
        code="REC9",
        table="marts.wapim_daily",
        sentence="The messages of a day in wapim_daily add up to that day's WhatsApp touches.",
        threshold="no day differs",
        severity="warning",
        query="find_days_of_chats_that_do_not_add_up",
    ),
)

CONSERVATION = (
    Rule(
        code="CNS1",
        table="vault.landings",
        sentence="Every landing URL or text in staging has been read into parameters.",
        threshold="none is missing",
        severity="critical",
        query="find_landings_not_read",
        limits=_SETTLING,
    ),
    Rule(
        code="CNS2",
        table="vault.identifiers",
        sentence="Every identifier in staging has been normalized, or has the reason why not.",
        threshold="none is missing",
        severity="critical",
        query="find_identifiers_not_read",
        limits=_SETTLING,
    ),
    Rule(
        code="CNS4",
        table="marts.fct_consents",
        sentence="Every yes and every no in staging is in the history that decides about sending.",
        threshold="none is missing",
        severity="critical",
        query="find_words_not_kept",
        limits=_SETTLING,
    ),
)

HASHES = (
    Rule(
        code="HSH1",
        table="vault.identifiers",
        sentence="A hash is 64 lower-case hexadecimal digits and never the hash of nothing.",
        threshold="no row differs",
        severity="critical",
        query="find_hashes_of_nothing",
    ),
    Rule(
        code="HSH2",
        table="vault.identifiers",
        sentence="An identifier that could not be normalized says why.",
        threshold="no row has neither a value, nor a hash, nor a reason",
        severity="warning",
        query="find_identifiers_without_outcome",
    ),
)


def _null_rate(code: str, field: str) -> Rule:
    limits = limits_of(field)
    shares = ", ".join(f"{limit.name} {limit.value:.0%}" for limit in limits[:3])
    return Rule(
        code=code,
        table="marts.fct_leads",
        sentence=f"Leads carry {field}, over the last week and on each of its days.",
        threshold=f"missing at most: {shares}; judged from 20 leads on",
        severity="warning",
        query="find_days_that_lack_a_field",
        args={"column": field},
        limits=limits,
    )


NULL_RATES = (
    _null_rate("NUL1", "utm_source"),
    _null_rate("NUL2", "campaign_id"),
    _null_rate("NUL3", "campaign_name"),
    _null_rate("NUL4", "adgroup_id"),
)

UNIQUENESS = (
    Rule(
        code="UNQ1",
        table="marts.fct_conversions",
        sentence="One outcome of a CRM record arrives under one event id.",
        threshold="no record, kind and time stand twice",
        severity="warning",
        query="find_outcomes_counted_twice",
    ),
    Rule(
        code="UNQ2",
        table="marts.fct_leads",
        sentence="A click brings few people.",
        threshold="at most 5 people per click id",
        severity="warning",
        query="find_clicks_of_many_people",
        limits=(
            Limit(
                "max_people", 5, "a family shares a link; more is a link posted in public or a bot"
            ),
        ),
    ),
)

_FRESHNESS = (
    Limit(
        "late_minutes",
        30,
        "a lead is in the marts within two minutes; this leaves room for a restart",
    ),
)

FRESHNESS = (
    Rule(
        code="FRS1",
        table="marts.fct_touches",
        sentence="Touches keep up with the lead events that arrive.",
        threshold="at most 30 minutes behind, per source",
        severity="critical",
        blocking=True,
        query="find_sources_whose_touches_lag",
        limits=_FRESHNESS,
    ),
    Rule(
        code="FRS2",
        table="marts.fct_conversions",
        sentence="Conversions keep up with the outcomes that arrive.",
        threshold="at most 30 minutes behind, per source",
        severity="critical",
        blocking=True,
        query="find_sources_whose_conversions_lag",
        limits=_FRESHNESS,
    ),
    Rule(
        code="FRS3",
        table="staging.stg_ads__campaigns",
        sentence="The campaign list of each ad account has been read lately, and is in staging.",
        threshold="at most 48 hours ago; a new account gets as long",
        severity="warning",
        query="find_accounts_with_old_lists",
        limits=(Limit("max_hours", 48, "lists are read daily; one missed night is no news"),),
    ),
)

_VOLUME = (
    Limit(
        "min_share", 0.5, "weekdays differ by less than half; a broken form halves a day at once"
    ),
    Limit("min_usual", 20, "fewer a day vary by half on their own"),
)

VOLUME = (
    Rule(
        code="VOL1",
        table="marts.fct_touches",
        sentence="Yesterday brought about as many touches as its weekday usually does.",
        threshold="at least half of the median of the last four, per source, from 20 a day on",
        severity="warning",
        query="find_sources_that_fell_silent",
        args={"column": "touched_at"},
        limits=_VOLUME,
    ),
    Rule(
        code="VOL2",
        table="marts.fct_conversions",
        sentence="Yesterday brought about as many conversions as its weekday usually does.",
        threshold="at least half of the median of the last four, per source, from 20 a day on",
        severity="warning",
        query="find_sources_that_fell_silent",
        args={"column": "converted_at"},
        limits=_VOLUME,
    ),
    Rule(
        code="VOL3",
        table="marts.fct_leads",
        sentence="There are leads where there are touches.",
        threshold="not empty",
        severity="critical",
        query="find_touches_without_any_lead",
    ),
)

TOUCHES = (
    Rule(
        code="TCH2",
        table="marts.fct_touches",
        sentence="No touch happens after the moment it was received.",
        threshold="tolerance: 5 minutes",
        severity="warning",
        query="find_touches_from_the_future",
        limits=(Limit("tolerance_minutes", 5, "the senders' clocks are not ours"),),
    ),
)

PLAUSIBILITY = (
    Rule(
        code="PLA1",
        table="marts.fct_conversions",
        sentence="A conversion with a value has a currency of three capital letters.",
        threshold="no row differs",
        severity="critical",
        query="find_values_without_currency",
    ),
    Rule(
        code="PLA2",
        table="marts.fct_conversions",
        sentence="A conversion's value is not negative and below 10^12.",
        threshold="no row differs",
        severity="critical",
        kind="ExpectColumnValuesToBeBetween",
        args={"column": "value", "min_value": 0, "max_value": 10**12, "strict_max": True},
    ),
    Rule(
        code="PLA3",
        table="marts.fct_conversions",
        sentence="The CRM reports an outcome within 400 days, and at most a day early.",
        threshold="-400 days to +24 hours around its arrival; files are exempt, they bring history",
        severity="warning",
        query="find_conversions_out_of_time",
        limits=(
            Limit("max_days_late", 400, "the intake's own bound: older is no outcome to report"),
            Limit(
                "max_hours_early", 24, "the intake's own bound: an appointment may be for tomorrow"
            ),
        ),
    ),
)

JOINS = (
    Rule(
        code="JOI1",
        table="marts.fct_conversions",
        sentence="Conversions of the last 30 days find their lead.",
        threshold="at least: crm 50%, csv 50%; judged from 20 conversions on",
        severity="warning",
        query="find_sources_without_leads",
        limits=(
            Limit(
                "crm", 0.5, "the rest began before this project, on the telephone or at the door"
            ),
            Limit(
                "csv",
                0.5,
                "files of deals name their lead; a file of another time names leads not here",
            ),
            Limit("min_conversions", 20, "a share of fewer jumps by more than five points for one"),
        ),
    ),
)

ATTRIBUTION = (
    Rule(
        code="ATT1",
        table="marts.fct_attribution",
        sentence="The credits of a conversion add up to one in each model.",
        threshold="exactly 1, first and last",
        severity="critical",
        query="find_conversions_of_uneven_credit",
        limits=_SETTLING,
    ),
)


def _no_personal_data(code: str, table: str, column: str, *, blocking: bool = False) -> Rule:
    return Rule(
        code=code,
        table=table,
        sentence=f"{table} holds no e-mail address and no telephone number.",
        threshold="no row differs",
        severity="critical",
        blocking=blocking,
        query="find_rows_with_personal_data",
        args={"column": column},
    )


PERSONAL_DATA = (
    _no_personal_data("PII1", "marts.fct_leads", "received_at"),
    _no_personal_data("PII2", "marts.fct_touches", "received_at"),
    _no_personal_data("PII3", "marts.fct_conversions", "received_at"),
    _no_personal_data("PII4", "marts.wapim_daily", "first_message_at"),
    _no_personal_data("PII5", "marts.delivery_plan", "converted_at", blocking=True),
)

PLAN = (
    Rule(
        code="PLN1",
        table="marts.delivery_plan",
        sentence="Every conversion has exactly one decision for each active ad account.",
        threshold="no pair without or with two",
        severity="critical",
        blocking=True,
        query="find_pairs_without_one_decision",
        limits=(
            *_SETTLING,
            Limit(
                "planned_days",
                119,
                "the plan leaves out what is 120 days old (plan_days in dbt_project.yml): too late for any platform",
            ),
        ),
    ),
)

LEDGER = (
    Rule(
        code="UNQ3",
        table="ops.deliveries",
        sentence="An event id was taken by a destination at most once.",
        threshold="none twice",
        severity="critical",
        query="find_events_taken_twice",
    ),
    Rule(
        code="CNS3",
        table="ops.deliveries",
        sentence="Every decision to send is in the ledger.",
        threshold="none is missing",
        severity="warning",
        query="find_decisions_not_owed",
    ),
    Rule(
        code="DLV1",
        table="ops.deliveries",
        sentence="Nothing waits for a destination that refuses us.",
        threshold="no stopped destination with rows that are due",
        severity="warning",
        query="find_destinations_that_are_stopped",
    ),
)

MATCHING = (
    Rule(
        code="MAT1",
        table="marts.delivery_quality",
        sentence="The match rate of the last seven days is not under the destination's threshold.",
        threshold="the account's match_rate_threshold; else google 50%, meta 60%, tiktok 60%; from 50 accepted on",
        severity="warning",
        query="find_destinations_that_match_too_little",
        limits=(
            Limit(
                "google", 0.5, "as Google tells; hashed uploads alone find fewer people than clicks"
            ),
            Limit("meta", 0.6, "an estimate, so an upper bound: what carries nothing cannot match"),
            Limit("tiktok", 0.6, "an estimate, as at Meta"),
            Limit("min_accepted", 50, "a rate of fewer jumps by two points for one row"),
        ),
    ),
    Rule(
        code="MAT2",
        table="marts.delivery_quality",
        sentence="The platform's own score of event match quality is not under the destination's threshold.",
        threshold="the account's emq_threshold; else 4 of 10",
        severity="warning",
        query="find_destinations_of_low_match_quality",
        limits=(
            Limit(
                "score",
                4,
                "ours: no platform publishes a bar; set emq_threshold to what you are used to",
            ),
        ),
    ),
)

RULES: tuple[Rule, ...] = (
    *RECONCILIATION,
    *CONSERVATION,
    *HASHES,
    *NULL_RATES,
    *UNIQUENESS,
    *FRESHNESS,
    *VOLUME,
    *TOUCHES,
    *PLAUSIBILITY,
    *JOINS,
    *ATTRIBUTION,
    *PERSONAL_DATA,
    *PLAN,
    *LEDGER,
    *MATCHING,
)


def find_rule(code: str) -> Rule:
    """The rule with a code.

    Raises:
        KeyError: There is none.
    """
    return _BY_CODE[code]


_BY_CODE = {rule.code: rule for rule in RULES}
