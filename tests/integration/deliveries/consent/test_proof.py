"""The proof of consent: facts that were known, against everything that left."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.deliveries.consent import consent
from orchestration.deliveries.consent.proof import Proof, prove

DeskMaker = Callable[..., Any]
NOW = datetime.now(UTC)
YESTERDAY = NOW - timedelta(days=1)
LONG_AGO = NOW - timedelta(days=30)


class Books:
    """The facts beside a desk's ledger, as dbt writes them."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk

    def say(
        self,
        word: str,
        conversion_id: str,
        status: str = "granted",
        *,
        at: datetime = YESTERDAY,
        known_at: datetime | None = None,
        received_at: datetime | None = None,
        source: str = "crm",
    ) -> None:
        """Keep a word that names a conversion."""
        self.desk.admin.execute(
            "insert into marts.fct_consents (tenant_id, consent_id, subject_kind, subject_id, status, changed_at,"
            " received_at, known_at, source, built_at) values (%s, %s, 'conversion', %s, %s, %s, %s, %s, %s, %s)",
            [
                *(self.desk.tenant_id, word, conversion_id, status, at, received_at or at),
                *(known_at or at, source, YESTERDAY),
            ],
        )

    def link(self, word: str, person: str, at: datetime = YESTERDAY) -> None:
        """Know whose word it is."""
        self.desk.admin.execute(
            "insert into intermediate.int_consents__resolved"
            " (tenant_id, consent_id, party_id, status, changed_at, received_at, known_at, linked_at)"
            " select tenant_id, consent_id, %s, status, changed_at, received_at, known_at, %s"
            " from marts.fct_consents where tenant_id = %s and consent_id = %s",
            [person, at, self.desk.tenant_id, word],
        )

    def patch(self, table: str, change: str, *values: Any) -> None:
        """Change what is written, as nobody may."""
        self.desk.admin.execute(
            f"update ops.{table} set {change} where tenant_id = %s",  # pyright: ignore[reportArgumentType]
            [*values, self.desk.tenant_id],
        )

    def prove(self) -> Proof:
        """Prove the days around now."""
        days = timedelta(days=2)
        tenant = next(
            one for one in self.desk.warehouse.tenants() if one.tenant_id == self.desk.tenant_id
        )
        return prove(self.desk.warehouse, tenant, (NOW - days).date(), (NOW + days).date())

    def codes(self) -> dict[str, str]:
        """What is wrong, by conversion."""
        return {v.conversion_id: v.code for v in self.prove().violations}


@pytest.fixture
def books(make_desk: DeskMaker) -> Books:
    """Two outcomes of two persons that agreed, sent to Meta; the policy is as old as the words."""
    desk = make_desk("meta")
    books = Books(desk)
    books.patch("consent_policies", "valid_from = %s", LONG_AGO)
    for conversion_id, person in (("c1", "p1"), ("c2", "p2")):
        desk.plan(conversion_id, "meta", planned_at=NOW)
        desk.change_conversion(conversion_id, person_id=person, consent_at=YESTERDAY)
        books.say(f"yes-{conversion_id}", conversion_id)
    desk.enroll()
    desk.send()
    assert set(desk.states().values()) == {"accepted"}
    return books


def test_what_was_agreed_to_is_right_and_counted_by_its_ground(books: Books) -> None:
    proof = books.prove()
    assert [(g.legal_basis, g.consent, g.attempts) for g in proof.grounds] == [
        ("consent", "granted", 2)
    ]
    assert (proof.attempts, proof.unread, proof.violations) == (2, 0, [])


def test_attempt_after_a_known_no_is_a_violation(books: Books) -> None:
    books.say("no", "c1", "denied", at=NOW - timedelta(hours=1))
    assert books.codes() == {"c1": "consent_denied"}


def test_the_judgement_is_not_the_leases_own_word(books: Books) -> None:
    books.say("no", "c1", "denied", at=NOW - timedelta(hours=1))
    books.patch("delivery_attempts", "consent = 'granted', legal_basis = 'legitimate_interest'")
    assert books.codes() == {"c1": "consent_denied", "c2": "recorded_otherwise"}


def test_without_any_word_a_yes_that_the_lease_wrote_proves_nothing(books: Books) -> None:
    books.desk.admin.execute("delete from marts.fct_consents where consent_id = 'yes-c1'")
    assert books.codes() == {"c1": "consent_missing"}


def test_a_no_of_the_same_person_counts_from_when_the_two_were_linked(books: Books) -> None:
    books.say("no", "elsewhere", "denied", at=NOW - timedelta(hours=1))
    books.link("no", "p1", at=NOW + timedelta(hours=1))
    proof = books.prove()
    assert (proof.violations, proof.unread) == ([], 1)
    books.desk.admin.execute(
        "update intermediate.int_consents__resolved set linked_at = %s", [YESTERDAY]
    )
    assert books.codes() == {"c1": "consent_denied"}


def test_a_no_that_is_taken_back_later_was_a_no_then_and_a_yes_is_a_yes(books: Books) -> None:
    books.say("no", "c1", "denied", at=NOW - timedelta(hours=2))
    books.say("yes-again", "c1", at=NOW - timedelta(hours=1))
    books.say("no-too-late", "c2", "denied", at=NOW + timedelta(hours=1))
    assert books.codes() == {}


def test_a_no_that_was_received_and_not_yet_read_is_counted_apart(books: Books) -> None:
    books.say("no", "c1", "denied", at=NOW - timedelta(hours=1), known_at=NOW + timedelta(hours=1))
    proof = books.prove()
    assert (proof.unread, proof.violations) == (1, [])


def test_a_no_that_arrives_late_and_was_said_before_accuses_nobody(books: Books) -> None:
    late = NOW + timedelta(hours=2)
    books.say("no", "c1", "denied", at=YESTERDAY, known_at=late, received_at=late)
    proof = books.prove()
    assert (proof.unread, proof.violations) == (0, [])


@pytest.mark.parametrize(
    ("source", "seconds", "code"),
    [("consent", 60, "consent_denied"), ("consent", 1, None), ("crm", 10, None)],
)
def test_a_no_binds_when_its_commit_can_be_seen(
    books: Books, source: str, seconds: int, code: str | None
) -> None:
    started = NOW + timedelta(minutes=5)
    books.patch("delivery_attempts", "started_at = %s", started)
    said = started - timedelta(seconds=seconds)
    books.say("no", "c1", "denied", at=said, source=source)
    proof = books.prove()
    assert {v.code for v in proof.violations} == ({code} if code else set())
    assert proof.unread == (0 if code else 1)


def test_the_policy_that_held_when_it_left_is_asked_and_not_todays(books: Books) -> None:
    books.desk.admin.execute("delete from marts.fct_consents where consent_id = 'yes-c1'")
    books.patch("consent_policies", "unknown_consent = 'send'")
    books.patch("delivery_attempts", "consent = null")
    assert books.codes() == {}
    consent.set_policy(
        books.desk.warehouse,
        books.desk.tenant_id,
        unknown_consent="hold",
        now=NOW + timedelta(hours=1),
    )
    assert books.codes() == {}
    consent.set_policy(
        books.desk.warehouse,
        books.desk.tenant_id,
        unknown_consent="hold",
        now=NOW - timedelta(hours=1),
    )
    assert books.codes() == {"c1": "consent_missing", "c2": "recorded_otherwise"}


def test_the_policy_of_the_outcomes_region_is_asked(books: Books) -> None:
    desk = books.desk
    books.desk.admin.execute("delete from marts.fct_consents where consent_id = 'yes-c1'")
    books.patch("delivery_attempts", "consent = null")
    consent.set_policy(
        desk.warehouse, desk.tenant_id, "US", legal_basis="legitimate_interest", now=LONG_AGO
    )
    assert books.codes() == {"c1": "consent_missing"}
    desk.change_conversion("c1", region="US")
    books.patch("delivery_attempts", "legal_basis = 'legitimate_interest'")
    found = {v.conversion_id: v.code for v in books.prove().violations}
    assert found == {"c2": "recorded_otherwise"}
    assert [(g.legal_basis, g.consent) for g in books.prove().grounds] == [
        ("legitimate_interest", None)
    ]


def test_attempt_that_never_left_is_not_judged(books: Books) -> None:
    books.say("no", "c1", "denied", at=NOW - timedelta(hours=1))
    books.patch("delivery_attempts", "request_key = null")
    assert books.prove().attempts == 0


def test_other_days_are_not_judged(books: Books) -> None:
    books.say("no", "c1", "denied", at=NOW - timedelta(hours=1))
    books.patch("delivery_attempts", "started_at = %s", NOW - timedelta(days=9))
    assert books.prove().attempts == 0


def test_outcome_that_is_no_more_cannot_be_proven(books: Books) -> None:
    books.desk.admin.execute("delete from marts.fct_conversions where conversion_id = 'c1'")
    assert books.codes() == {"c1": "outcome_unknown"}


@pytest.fixture
def leadloop(books: Books, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command line on the books' warehouse."""
    monkeypatch.setattr(
        "orchestration.commands.consent.get_settings", lambda: books.desk.warehouse.settings
    )
    monkeypatch.setattr(
        "orchestration.commands.console.get_settings", lambda: books.desk.warehouse.settings
    )

    def run(*arguments: str) -> Any:
        tenant = ["-t", str(books.desk.tenant_id)]
        return CliRunner().invoke(app, ["consent", *arguments, *tenant])

    return run


def test_the_command_exits_0_without_and_1_with_violations(
    books: Books, leadloop: Callable[..., Any]
) -> None:
    days = ["--from", f"{YESTERDAY:%Y-%m-%d}", "--to", f"{NOW + timedelta(days=1):%Y-%m-%d}"]
    good = leadloop("prove", *days)
    assert good.exit_code == 0, good.output
    assert "2 on consent, granted" in good.output
    books.say("no", "c1", "denied", at=NOW - timedelta(hours=1))
    bad = leadloop("prove", *days, "--json")
    assert bad.exit_code == 1
    told = json.loads(bad.stdout)
    assert [(v["conversion_id"], v["code"]) for v in told["violations"]] == [
        ("c1", "consent_denied")
    ]
    assert leadloop("prove", "--from", "2026-02-02", "--to", "2026-02-01").exit_code == 2


def test_the_commands_record_and_show(books: Books, leadloop: Callable[..., Any]) -> None:
    done = leadloop("withdraw", "c1", "--json")
    assert done.exit_code == 0, done.output
    assert [s["conversion_id"] for s in json.loads(done.stdout)["sent"]] == ["c1"]
    assert leadloop("withdraw", "nobody").exit_code == 1
    assert leadloop("policy", "set", "--region", "DE", "--unknown", "hold").exit_code == 0
    assert leadloop("policy", "set", "--region", "Germany", "--unknown", "hold").exit_code == 1
    assert leadloop("policy", "set", "--region", "FR").exit_code == 2
    shown = leadloop("policy", "show", "--json")
    assert {json.loads(line)["region"] for line in shown.stdout.splitlines()} == {"*", "DE"}
