"""Consent when sending: a no counts at once, whoever says it, and what has left already is listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestration.deliveries.consent import consent

DeskMaker = Callable[..., Any]
NOW = datetime.now(UTC)
YESTERDAY = NOW - timedelta(days=1)


def push(
    desk: Any, key: str, status: str = "denied", *, at: datetime = NOW, **subject: str
) -> None:
    """Store a pushed change as intake does."""
    desk.admin.execute(
        "insert into raw.events (tenant_id, source, dedupe_key, occurred_at, payload, body_sha256)"
        " values (%s, 'consent', %s, %s, %s, %s)",
        [desk.tenant_id, key, at, json.dumps({"status": status, **subject}), "0" * 64],
    )


@pytest.fixture
def desk(make_desk: DeskMaker) -> Any:
    """A tenant that owes Meta two outcomes of one person and one of another, all agreed to yesterday."""
    desk = make_desk("meta")
    for conversion_id, person in (("c1", "p1"), ("c2", "p1"), ("c3", "p3")):
        desk.plan(conversion_id, "meta", planned_at=NOW)
        desk.change_conversion(conversion_id, person_id=person, consent_at=YESTERDAY)
    desk.admin.execute(
        "insert into marts.fct_leads (tenant_id, lead_id, external_id, person_id, source)"
        " values (%s, 'lead-c1', 'form-1', 'p1', 'form')",
        [desk.tenant_id],
    )
    desk.enroll()
    return desk


@pytest.mark.parametrize(
    "subject",
    [
        {"crm_record_id": "CRM-c1"},
        {"lead_id": "lead-c1"},
        {"lead_id": "form-1"},
        {"email_sha256": "email"},
    ],
    ids=["record", "our lead", "the form's lead", "hashed address"],
)
def test_pushed_no_that_no_model_has_read_stops_all_of_the_person(
    desk: Any, subject: dict[str, str]
) -> None:
    if subject.get("email_sha256"):
        row = desk.admin.execute(
            "select v.sha256 from intermediate.int_conversions__identifiers as i"
            " join vault.identifiers as v using (tenant_id, kind, token)"
            " where i.tenant_id = %s and i.conversion_id = 'c1' and v.platform = 'meta'",
            [desk.tenant_id],
        ).fetchone()
        subject = {"email_sha256": row[0].upper()}
    push(desk, "w1", **subject)
    desk.send()
    assert desk.states() == {"c1": "pending", "c2": "pending", "c3": "accepted"}


def test_pushed_no_that_is_older_than_the_yes_stops_nothing(desk: Any) -> None:
    push(desk, "w1", at=YESTERDAY - timedelta(hours=1), crm_record_id="CRM-c1")
    desk.send()
    assert set(desk.states().values()) == {"accepted"}


def test_pushed_yes_stops_nothing(desk: Any) -> None:
    push(desk, "w1", "granted", crm_record_id="CRM-c1")
    desk.send()
    assert set(desk.states().values()) == {"accepted"}


def test_a_no_of_the_moment_of_the_yes_counts(desk: Any) -> None:
    push(desk, "w1", at=YESTERDAY, crm_record_id="CRM-c3")
    desk.send()
    assert desk.states()["c3"] == "pending"


def test_no_that_was_read_after_the_plan_was_made_stops_as_well(desk: Any) -> None:
    desk.admin.execute(
        "insert into marts.fct_consents (tenant_id, consent_id, subject_kind, subject_id, status, changed_at, built_at)"
        " values (%s, 'w1', 'conversion', 'c1', 'denied', %s, %s)",
        [desk.tenant_id, NOW, NOW + timedelta(seconds=1)],
    )
    desk.send()
    assert desk.states() == {"c1": "pending", "c2": "pending", "c3": "accepted"}


@pytest.mark.parametrize(
    ("kind", "key", "stopped"),
    [
        ("conversion", "c1", {"c1", "c2"}),
        ("crm_record", "CRM-c1", {"c1", "c2"}),
        ("lead", "lead-c1", {"c1", "c2"}),
        ("lead", "form-1", {"c1", "c2"}),
        # A lead whose person nobody has found out: only the outcome names it.
        ("lead", "lead-c3", {"c3"}),
        ("person", "p1", {"c1", "c2"}),
    ],
)
def test_recorded_no_that_the_plan_does_not_know_stops_at_once(
    desk: Any, kind: str, key: str, stopped: set[str]
) -> None:
    desk.admin.execute(
        "insert into ops.consent_changes"
        " (tenant_id, subject_kind, subject_id, status, changed_at, recorded_by)"
        " values (%s, %s, %s, 'denied', now(), 'derya')",
        [desk.tenant_id, kind, key],
    )
    desk.send()
    states = desk.states()
    assert {conversion for conversion in states if states[conversion] == "pending"} == stopped
    assert desk.received("meta")["distinct_ids"] == 3 - len(stopped)


@pytest.mark.parametrize(
    ("key", "kind"),
    [("c1", "conversion"), ("CRM-c1", "crm_record"), ("lead-c1", "lead"), ("form-1", "lead"), ("p1", "person")],
)  # fmt: skip
def test_withdrawing_calls_off_what_is_due_and_keeps_it_off(desk: Any, key: str, kind: str) -> None:
    done = consent.withdraw(desk.warehouse, desk.tenant_id, key)
    assert (done.subject_kind, done.conversions, done.cancelled) == (kind, 2, 2)
    assert desk.enroll() == []
    desk.send()
    assert desk.states() == {"c1": "cancelled", "c2": "cancelled", "c3": "accepted"}


def test_withdrawing_lists_what_has_left_with_whether_it_can_be_taken_back(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta", "google", "tiktok")
    desk.plan("c1", "meta")
    desk.plan("c1", "tiktok")
    desk.plan("c1", "google", gclid="A")
    desk.enroll()
    desk.send()
    done = consent.withdraw(desk.warehouse, desk.tenant_id, "c1")
    assert done.cancelled == 0
    found = {sent.platform: (sent.state, sent.is_adjustable) for sent in done.sent}
    assert found == {
        "meta": ("accepted", False),
        "google": ("submitted", True),
        "tiktok": ("accepted", False),
    }
    assert all(sent.sent_at for sent in done.sent)


def test_what_a_person_recorded_is_kept_with_its_time_and_in_the_audit_log(desk: Any) -> None:
    said = NOW - timedelta(days=3)
    consent.withdraw(desk.warehouse, desk.tenant_id, "CRM-c1", at=said, recorded_by="derya")
    rows = desk.admin.execute(
        "select subject_kind, subject_id, status, changed_at, recorded_by from ops.consent_changes"
        " where tenant_id = %s",
        [desk.tenant_id],
    ).fetchall()
    assert rows == [("crm_record", "CRM-c1", "denied", said, "derya")]
    noted = desk.admin.execute(
        "select action, object from ops.audit_log where tenant_id = %s and action like 'consent%%'",
        [desk.tenant_id],
    ).fetchall()
    assert noted == [("consent.withdraw", "crm_record CRM-c1")]


@pytest.mark.parametrize("key", ["nobody", "x" * 300])
def test_a_key_of_nothing_is_refused(desk: Any, key: str) -> None:
    with pytest.raises(consent.ConsentRefused, match="nothing here"):
        consent.withdraw(desk.warehouse, desk.tenant_id, key)


def test_a_no_of_tomorrow_is_refused(desk: Any) -> None:
    with pytest.raises(consent.ConsentRefused, match="before it is said"):
        consent.withdraw(desk.warehouse, desk.tenant_id, "c1", at=NOW + timedelta(days=1))


def test_another_tenants_record_of_the_same_name_is_left_alone(make_desk: DeskMaker) -> None:
    ours, theirs = make_desk("meta"), make_desk("meta")
    for desk in (ours, theirs):
        desk.plan("c1", "meta")
        desk.enroll()
    consent.withdraw(ours.warehouse, ours.tenant_id, "CRM-c1")
    theirs.send()
    assert theirs.states() == {"c1": "accepted"}


def test_under_legitimate_interest_silence_is_sent_and_a_no_is_not(desk: Any) -> None:
    desk.change_conversion("c1", consent=None, consent_at=None)
    desk.change_conversion("c3", consent="denied")
    desk.change_plan("c1", region="DE")
    desk.change_plan("c3", region="DE")
    consent.set_policy(desk.warehouse, desk.tenant_id, "DE", legal_basis="legitimate_interest")
    desk.send()
    assert desk.states() == {"c1": "accepted", "c2": "accepted", "c3": "pending"}
    bases = desk.admin.execute(
        "select d.conversion_id, a.legal_basis, a.consent from ops.delivery_attempts as a"
        " join ops.deliveries as d using (tenant_id, delivery_id) where a.tenant_id = %s order by 1",
        [desk.tenant_id],
    ).fetchall()
    assert bases == [("c1", "legitimate_interest", None), ("c2", "consent", "granted")]


def test_a_policy_takes_over_what_is_not_said_and_holds_from_now(desk: Any) -> None:
    consent.set_policy(desk.warehouse, desk.tenant_id, unknown_consent="send")
    consent.set_policy(desk.warehouse, desk.tenant_id, "US", limited_data_use=True)
    consent.set_policy(desk.warehouse, desk.tenant_id, "US", unknown_consent="hold")
    current = {
        p.region: (p.legal_basis, p.unknown_consent, p.limited_data_use)
        for p in consent.list_policies(desk.warehouse, desk.tenant_id)
        if p.is_current
    }
    assert current == {"*": ("consent", "send", False), "US": ("consent", "hold", True)}
    assert len(consent.list_policies(desk.warehouse, desk.tenant_id)) == 4


@pytest.mark.parametrize(
    ("region", "options"),
    [
        ("Germany", {}),
        ("de", {}),
        ("DE", {"legal_basis": "contract"}),
        ("DE", {"unknown_consent": "guess"}),
    ],
)
def test_what_is_no_policy_is_refused(desk: Any, region: str, options: dict[str, Any]) -> None:
    with pytest.raises(consent.ConsentRefused):
        consent.set_policy(desk.warehouse, desk.tenant_id, region, **options)
