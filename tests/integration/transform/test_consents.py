"""Consent: every word is kept, and a person's latest counts for all of their outcomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .conftest import Company, Tale

tale = Tale()

NOW = datetime.now(UTC)
PHONE = "05321112233"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _push(company: Company, key: str, status: str, at: datetime, **subject: Any) -> None:
    """A pushed change, as intake stores it."""
    payload = {"status": status, "changed_at": at.isoformat(), **subject}
    company.admin.execute(
        "insert into raw.events (tenant_id, source, dedupe_key, occurred_at, payload, body_sha256)"
        " values (%s, 'consent', %s, %s, %s, %s)",
        [company.tenant.tenant_id, key, at, json.dumps(payload), "0" * 64],
    )


def _consents(company: Company) -> dict[str, str | None]:
    return {row["event_id"]: row["consent"] for row in company.rows("marts.fct_conversions")}


def _days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@tale
def later_no_on_one_form_beats_an_earlier_yes_on_another(company: Company) -> Generator[None]:
    company.submit("yes", at=_days_ago(5), phone=PHONE, consent="evet")
    company.convert("c-yes", crm_record_id="yes", at=_days_ago(4))
    yield
    assert _consents(company) == {"c-yes": "granted"}
    company.submit("no", at=_days_ago(3), phone=PHONE, consent="hayır")
    yield
    assert _consents(company) == {"c-yes": "denied"}
    row = company.conversion("c-yes")
    assert abs(row["consent_at"] - _days_ago(3)) < timedelta(seconds=1)
    words = company.rows("marts.fct_consents", "changed_at")
    assert [(w["status"], w["source"], w["subject_kind"]) for w in words] == [
        ("granted", "form", "lead"),
        ("denied", "form", "lead"),
    ]
    assert words[0]["known_at"] < words[1]["known_at"]


@tale
def outcomes_of_one_person_share_the_latest_word(company: Company) -> Generator[None]:
    company.submit("f", at=_days_ago(9), phone=PHONE)
    company.convert(
        "early", crm_record_id="r1", at=_days_ago(4), consent=True, identifiers={"phone": PHONE}
    )
    company.convert(
        "late", crm_record_id="r2", at=_days_ago(2), consent="denied", identifiers={"phone": PHONE}
    )
    company.convert(
        "other",
        crm_record_id="r3",
        at=_days_ago(1),
        consent=True,
        identifiers={"phone": "05559998877"},
    )
    yield
    assert _consents(company) == {"early": "denied", "late": "denied", "other": "granted"}


@tale
def of_two_words_at_one_moment_the_no_counts(company: Company) -> Generator[None]:
    moment = _days_ago(2)
    company.convert("a", at=moment, consent=True, identifiers={"phone": PHONE})
    company.convert("b", at=moment, consent=False, identifiers={"phone": PHONE})
    yield
    assert set(_consents(company).values()) == {"denied"}


@tale
def pushed_word_finds_its_person_by_record_lead_or_hashed_address(
    company: Company,
) -> Generator[None]:
    people = {
        "record": {"crm_record_id": "r-record"},
        "lead": {"lead_id": "form-lead"},
        "email": {"email_sha256": _hash("email@example.com").upper()},
        "phone": {"phone_sha256": _hash("+905321110004")},
        "nobody": {"crm_record_id": "r-strange"},
    }
    for number, key in enumerate(people):
        person = {"email": f"{key}@example.com", "phone": f"0532111000{number + 1}"}
        company.submit(f"form-{key}", at=_days_ago(9), consent="evet", **person)
        company.convert(
            key, crm_record_id=f"r-{key}", at=_days_ago(8), identifiers={"lead_id": f"form-{key}"}
        )
    yield
    assert set(_consents(company).values()) == {"granted"}
    for key, subject in people.items():
        _push(company, f"no-{key}", "denied", _days_ago(1), **subject)
    yield
    assert _consents(company) == {
        **dict.fromkeys(("record", "lead", "email", "phone"), "denied"),
        "nobody": "granted",
    }
    pushed = [w for w in company.rows("marts.fct_consents") if w["source"] == "consent"]
    assert all(w["known_at"] == w["received_at"] for w in pushed)
    assert not any("example.com" in str(w) or _hash("+905321110004") in str(w) for w in pushed)


@tale
def no_about_an_address_counts_for_whoever_brings_it_later(company: Company) -> Generator[None]:
    _push(company, "no", "denied", _days_ago(3), email_sha256=_hash("isil@example.com"))
    yield
    company.convert(
        "later", at=_days_ago(2), identifiers={"email": "isil@example.com", "phone": PHONE}
    )
    yield
    assert _consents(company) == {"later": "denied"}


@tale
def no_that_a_person_of_ours_recorded_counts_until_a_later_yes(company: Company) -> Generator[None]:
    company.submit("f", at=_days_ago(9), phone=PHONE, consent="evet")
    company.convert("c", crm_record_id="f", at=_days_ago(8))
    company.admin.execute(
        "insert into ops.consent_changes"
        " (tenant_id, subject_kind, subject_id, status, changed_at, recorded_by)"
        " values (%s, 'crm_record', 'f', 'denied', %s, 'derya')",
        [company.tenant.tenant_id, _days_ago(2)],
    )
    yield
    assert _consents(company) == {"c": "denied"}
    company.submit("g", at=_days_ago(1), phone=PHONE, consent="evet")
    yield
    assert _consents(company) == {"c": "granted"}


@tale
def file_imported_again_takes_back_only_what_it_says_anew(company: Company) -> Generator[None]:
    row: dict[str, Any] = {
        "created_at": _days_ago(9).isoformat(),
        "phone": PHONE,
        "consent": "evet",
    }
    company.record("csv", "lead", "L1", **row)
    company.convert("c", crm_record_id="L1", at=_days_ago(8))
    yield
    _push(company, "no", "denied", _days_ago(1), lead_id="L1")
    company.record("csv", "lead", "L1", 2, **row, city="Ankara")
    yield
    assert _consents(company) == {"c": "denied"}
    company.record("csv", "lead", "L1", 3, **{**row, "consent": "hayır"})
    yield
    company.record("csv", "lead", "L1", 4, **row)
    yield
    assert _consents(company) == {"c": "granted"}
    words = [w for w in company.rows("marts.fct_consents", "known_at") if w["source"] == "csv"]
    assert [w["status"] for w in words] == ["granted", "denied", "granted"]


@tale
def clock_that_runs_ahead_does_not_outlive_a_later_word(company: Company) -> Generator[None]:
    company.submit("f", at=NOW + timedelta(days=900), phone=PHONE, consent="evet")
    company.convert("c", crm_record_id="f", at=_days_ago(1))
    yield
    assert _consents(company) == {"c": "granted"}
    _push(company, "no", "denied", datetime.now(UTC), crm_record_id="f")
    yield
    assert _consents(company) == {"c": "denied"}


@tale
def word_moves_with_its_lead_to_another_person(company: Company) -> Generator[None]:
    company.submit("f", at=_days_ago(9), email="isil@example.com", consent="hayır")
    company.convert("c", at=_days_ago(8), consent=True, identifiers={"phone": PHONE})
    yield
    assert _consents(company) == {"c": "granted"}
    # The address is seen together with the number: both are one person, and the later word is the yes.
    company.submit("both", at=_days_ago(7), email="isil@example.com", phone=PHONE)
    company.submit("no-again", at=_days_ago(6), email="isil@example.com", consent="hayır")
    yield
    assert _consents(company) == {"c": "denied"}


def test_a_full_refresh_keeps_what_was_known_when(
    company: Company, refresh: Callable[..., None]
) -> None:
    company.submit("f", at=_days_ago(5), phone=PHONE, consent="evet")
    company.convert("c", crm_record_id="f", at=_days_ago(4), consent="denied")
    refresh()
    tables = ("marts.fct_consents", "intermediate.int_consents__resolved")
    known = [company.rows(table) for table in tables]
    assert [len(rows) for rows in known] == [2, 2]
    refresh("--full-refresh")
    # The mapping may be written again, with the same content and the time since when it is known.
    kept = [
        [{name: row[name] for name in row if name != "built_at"} for row in company.rows(table)]
        for table in tables
    ]
    assert kept == [
        [{name: row[name] for name in row if name != "built_at"} for row in rows] for rows in known
    ]
    assert _consents(company) == {"c": "denied"}


@pytest.mark.parametrize("name", tale.stories)
def test_story(failures: dict[str, AssertionError], name: str) -> None:
    if name in failures:
        raise failures[name]
