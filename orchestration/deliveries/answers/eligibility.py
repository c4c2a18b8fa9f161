"""Eligibility: whether a platform's optimizer can use what it is sent, rule by rule, each with its source.

A conversion can be accepted and still teach nothing: it comes too late after the click, too rarely, or from a stage
that nearly every lead reaches. Nothing here stops a delivery.

Belongs here: the platforms' conditions for learning. Lives elsewhere: what they refuse (``destinations``), how well
they match (``match_quality.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from uuid import UUID

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "eligibility.sql")
# Below this a share says nothing.
_LEAST = 20
_MOSTLY = 0.9


@dataclass(frozen=True, slots=True)
class Facts:
    """One action of one account in a period, in counts of outcomes.

    Attributes:
        lead_count: Leads that the platform's own clicks and forms brought in the period.
        outcome_count: Outcomes planned for this action.
        sent_count: Of those, sent.
        own_count: Of those planned, whose lead this platform brought.
        timed_count: Whose lead's time is known.
        within_28_days: After their lead.
        within_63_days: After their lead.
        clicked_count: Whose click's time is known.
        after_click_count: Not before their click.
        within_90_days: After their click, or before it.
        within_an_hour: Sent within an hour.
        sent_within_28_days: Sent within 28 days.
        hashed_count: Sent with a hashed e-mail address or phone number.
        matchable_count: Sent with any identifier or click id.
        granted_count: Sent with a yes.
        crm_count: Sent as a stage of a lead of the platform's own form.
        days_of_seven: Days of the last seven on which something was sent.
    """

    platform: str
    account_id: str
    action: str
    lead_count: int
    outcome_count: int
    sent_count: int
    own_count: int
    timed_count: int
    within_28_days: int
    within_63_days: int
    clicked_count: int
    after_click_count: int
    within_90_days: int
    within_an_hour: int
    sent_within_28_days: int
    hashed_count: int
    matchable_count: int
    granted_count: int
    crm_count: int
    days_of_seven: int


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a platform's.

    Attributes:
        code: Stable: platform and number.
        platform: Whose.
        sentence: What holds when it is met.
        source: Where it was read, and how sure that is.
        part: The counts that it judges: how many meet it, of how many; None where it does not concern this action.
        least: The share that must meet it.
        most: The share that may, where there is an upper bound.
        is_share: Whether it speaks of outcomes, of which a few say nothing; days and leads speak at any number.
    """

    code: str
    platform: str
    sentence: str
    source: str
    part: Callable[[Facts], tuple[int, int] | None]
    least: float = _MOSTLY
    most: float | None = None
    is_share: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """One condition, judged for one action.

    Attributes:
        result: ``holds``, ``fails``, or ``too_few`` outcomes to tell.
        met: How many meet it.
        of: Of how many.
    """

    platform: str
    account_id: str
    action: str
    code: str
    sentence: str
    source: str
    result: str
    met: int
    of: int


def _crm(part: Callable[[Facts], tuple[int, int]]) -> Callable[[Facts], tuple[int, int] | None]:
    """Only where stages of the platform's own leads were sent."""
    return lambda facts: part(facts) if facts.crm_count else None


_MCRM = "Meta, Conversions API: conversion leads integration (documentation)"

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "META1",
        "meta",
        "stages of leads are uploaded at least once a day",
        _MCRM,
        _crm(lambda f: (f.days_of_seven, 7)),
        least=1.0,
        is_share=False,
    ),
    Condition(
        "META2",
        "meta",
        "the stage is reached within 28 days of the lead",
        _MCRM,
        _crm(lambda f: (f.within_28_days, f.timed_count)),
    ),
    Condition(
        "META3",
        "meta",
        "between 1 and 40 % of the leads reach the stage",
        _MCRM,
        _crm(lambda f: (f.own_count, f.lead_count)),
        least=0.01,
        most=0.4,
    ),
    Condition(
        "META4",
        "meta",
        "there are 200 leads a month",
        "third parties only; Meta publishes no number (unsure)",
        _crm(lambda f: (f.lead_count, 200)),
        least=1.0,
        is_share=False,
    ),
    Condition(
        "META5",
        "meta",
        "events arrive within an hour of what they tell",
        "Meta, Conversions API: support page, freshness (documentation)",
        lambda f: (f.within_an_hour, f.sent_count),
    ),
    Condition(
        "GOOGLE1",
        "google",
        "the conversion lies within 90 days after its click",
        "Google Ads: default click-through window (documentation); the action's own window may be shorter",
        lambda f: (
            (min(f.after_click_count, f.within_90_days), f.clicked_count)
            if f.clicked_count
            else None
        ),
    ),
    Condition(
        "GOOGLE2",
        "google",
        "conversions known by hashes alone lie within 63 days after the lead",
        "Google Ads help, enhanced conversions for leads (unsure)",
        lambda f: (f.within_63_days, f.timed_count) if f.clicked_count < f.outcome_count else None,
    ),
    Condition(
        "GOOGLE3",
        "google",
        "hashed identifiers go beside the click id",
        "Google Ads help, enhanced conversions for leads (documentation)",
        lambda f: (f.hashed_count, f.sent_count),
        least=0.5,
    ),
    Condition(
        "GOOGLE4",
        "google",
        "the person's yes goes with the conversion",
        "google-ads-datamanager 0.9.4, ProcessingErrorReason NO_CONSENT and UNKNOWN_CONSENT (library)",
        lambda f: (f.granted_count, f.sent_count),
    ),
    Condition(
        "TIKTOK1",
        "tiktok",
        "events are sent within 28 days of what they tell",
        "a connector's documentation; TikTok publishes no number for offline events (third party)",
        lambda f: (f.sent_within_28_days, f.sent_count),
    ),
    Condition(
        "TIKTOK2",
        "tiktok",
        "events carry the click or a hashed identifier that TikTok can match by",
        "TikTok, Events API: report events (documentation)",
        lambda f: (f.matchable_count, f.sent_count),
    ),
)


def judge(facts: Facts) -> list[Judgement]:
    """Judge every condition of the platform that concerns this action."""
    judgements: list[Judgement] = []
    for condition in CONDITIONS:
        if condition.platform != facts.platform or (part := condition.part(facts)) is None:
            continue
        met, of = part
        judgements.append(
            Judgement(
                facts.platform,
                facts.account_id,
                facts.action,
                condition.code,
                condition.sentence,
                condition.source,
                _result(condition, met, of),
                met,
                of,
            )
        )
    return judgements


def report(
    warehouse: Warehouse,
    tenant_id: UUID,
    since: datetime,
    until: datetime,
    platform: str | None = None,
) -> list[Judgement]:
    """Judge every action that a tenant planned anything for.

    Args:
        warehouse: As role worker.
        tenant_id: Whose.
        since: First moment of the period, by the time of the conversion.
        until: The moment behind it.
        platform: Only this one.
    """
    return [
        j
        for facts in read_facts(warehouse, tenant_id, since, until, platform)
        for j in judge(facts)
    ]


def read_facts(
    warehouse: Warehouse,
    tenant_id: UUID,
    since: datetime,
    until: datetime,
    platform: str | None = None,
) -> Sequence[Facts]:
    """The counts behind the judgements; arguments as for ``report``."""
    values = {"tenant_id": tenant_id, "since": since, "until": until, "platform": platform}
    with warehouse.tenant(tenant_id) as connection:
        return [Facts(**row) for row in connection.execute(_QUERIES.read_facts, values).mappings()]


def _result(condition: Condition, met: int, of: int) -> str:
    if of == 0 or (condition.is_share and of < _LEAST):
        return "too_few"
    share = met / of
    is_met = share >= condition.least and (condition.most is None or share <= condition.most)
    return "holds" if is_met else "fails"
