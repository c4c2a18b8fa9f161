"""The journal shows what was changed after it left, wherever that was, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.deliveries.journal.verification import FAULTS, find_head, list_heads, verify
from tests.integration.deliveries.conftest import Desk

DeskMaker = Callable[..., Desk]
Run = Callable[..., Result]
TABLES = ("deliveries", "delivery_attempts", "delivery_requests", "delivery_journal")
# How to change one thing of each kind by one byte or one step: the statement, and the fault that it must be found as.
FLIPS = {
    "a request's body": (
        "update ops.delivery_requests set body = set_byte(body, 3, get_byte(body, 3) # 1) where sequence = %(request)s",
        "request_changed",
    ),
    "a request's hash": (
        "update ops.delivery_requests set body_sha256 = overlay(body_sha256 placing"
        " case left(body_sha256, 1) when '0' then '1' else '0' end from 1) where sequence = %(request)s",
        "request_changed",
    ),
    "a request's target": (
        "update ops.delivery_requests set target = target || '1' where sequence = %(request)s",
        "request_changed",
    ),
    "a request's lane": (
        "update ops.delivery_requests set lane = lane || '1' where sequence = %(request)s",
        "request_changed",
    ),
    "a request's envelope": (
        'update ops.delivery_requests set envelope = envelope || \'{"a": "b"}\' where sequence = %(request)s',
        "request_changed",
    ),
    "a request's number of events": (
        "update ops.delivery_requests set event_count = event_count + 1 where sequence = %(request)s",
        "request_changed",
    ),
    "a request's moment": (
        "update ops.delivery_requests set sent_at = sent_at + interval '1 microsecond' where sequence = %(request)s",
        "request_changed",
    ),
    "a request's members": (
        "update ops.delivery_requests set members = substr(members, 33) || substr(members, 1, 32)"
        " where sequence = %(request)s",
        "request_changed",
    ),
    "a request's place": (
        "update ops.delivery_requests set sequence = 99 where sequence = %(request)s",
        "request_changed",
    ),
    "a request's answer": (
        "update ops.delivery_requests set answer_code = 'ok1' where sequence = %(request)s",
        "answer_changed",
    ),
    "the moment of an answer": (
        "update ops.delivery_requests set answered_at = answered_at + interval '1 microsecond'"
        " where sequence = %(request)s",
        "answer_changed",
    ),
    "a platform's name of a request": (
        "update ops.delivery_requests set platform_request_id = 'other' where sequence = %(request)s",
        "answer_changed",
    ),
    "whether an answer could be told apart": (
        "update ops.delivery_requests set is_unresolved = not is_unresolved where sequence = %(request)s",
        "answer_changed",
    ),
    "an entry's content": (
        "update ops.delivery_journal set content = set_byte(content, 9, get_byte(content, 9) # 1)"
        " where sequence = %(entry)s",
        "entry_changed",
    ),
    "an entry's kind": (
        "update ops.delivery_journal set kind = 'answer' where sequence = %(request)s",
        "entry_changed",
    ),
    "an entry's key": (
        "update ops.delivery_journal set entry_key = repeat('a', 64) where sequence = %(entry)s",
        "entry_changed",
    ),
    "the key before an entry": (
        "update ops.delivery_journal set previous_key = repeat('a', 64) where sequence = %(entry)s",
        "entry_moved",
    ),
    "which request an entry speaks of": (
        "update ops.delivery_journal set request_key = (select min(request_key) from ops.delivery_requests"
        " where platform = 'meta' and sequence <> %(request)s) where sequence = %(request)s + 1",
        "entry_changed",
    ),
    "the moment of an entry": (
        "update ops.delivery_journal set at = at + interval '1 microsecond' where sequence = %(entry)s",
        "request_changed",
    ),
    "a missing entry": (
        "delete from ops.delivery_journal where sequence = %(entry)s",
        "entry_missing",
    ),
    "a missing request": (
        "delete from ops.delivery_requests where sequence = %(request)s",
        "request_missing",
    ),
    "a frozen payload": (
        "update ops.deliveries set payload = set_byte(payload, 5, get_byte(payload, 5) # 1)"
        " where delivery_id = %(delivery)s",
        "delivery_forged",
    ),
    "a payload and its hash": (
        "update ops.deliveries set payload = '{}', payload_sha256 = encode(sha256('{}'), 'hex')"
        " where delivery_id = %(delivery)s",
        "request_changed",
    ),
    "which conversion a delivery is of": (
        "update ops.deliveries set conversion_id = conversion_id || '1' where delivery_id = %(delivery)s",
        "delivery_forged",
    ),
    "what a platform knows a delivery by": (
        "update ops.deliveries set event_id = repeat('a', 64) where delivery_id = %(delivery)s",
        "delivery_forged",
    ),
    "where a delivery is": (
        "update ops.deliveries set state = 'expired' where delivery_id = %(delivery)s",
        "delivery_changed",
    ),
    "the code of a delivery": (
        "update ops.deliveries set platform_code = 'other' where delivery_id = %(delivery)s",
        "delivery_changed",
    ),
    "an attempt's outcome": (
        "update ops.delivery_attempts set outcome = 'rejected' where delivery_id = %(delivery)s",
        "attempt_changed",
    ),
    "an attempt's code": (
        "update ops.delivery_attempts set code = 'other' where delivery_id = %(delivery)s",
        "attempt_changed",
    ),
    "an attempt's request": (
        "update ops.delivery_attempts set request_key = repeat('a', 64) where delivery_id = %(delivery)s",
        "attempt_changed",
    ),
    "a missing attempt": (
        "delete from ops.delivery_attempts where delivery_id = %(delivery)s",
        "attempt_changed",
    ),
}


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on the desk's warehouse."""
    for name in ("ledger", "console"):
        monkeypatch.setattr(
            f"orchestration.commands.{name}.get_settings", lambda: desk.warehouse.settings
        )
    return lambda *arguments: CliRunner().invoke(app, arguments)


@pytest.fixture
def desk(make_desk: DeskMaker) -> Desk:
    """Three requests to Meta, answered, and one to Google, answered at once and later."""
    desk = make_desk("meta", "google")
    desk.plan("g0", "google")
    for n in range(3):
        desk.plan(f"c{n}", "meta")
        desk.plan(f"d{n}", "meta")
        desk.enroll()
        desk.send()
    ask_again(desk)
    return desk


def ask_again(desk: Desk) -> None:
    """Let every row be due, and send."""
    desk.admin.execute("update ops.deliveries set next_at = clock_timestamp()")
    desk.send()


def faults_of(desk: Desk, platform: str = "meta") -> list[tuple[str, int | None]]:
    """What verification finds in an account's ledger: code and entry."""
    return [
        (fault.code, fault.sequence)
        for verdict in verify(desk.warehouse, desk.tenant_id)
        if verdict.account.platform == platform
        for fault in verdict.faults
    ]


@contextmanager
def tampered(desk: Desk, statement: str, *, rows: int = 1) -> Generator[None]:
    """Do what no service may to Meta's second request or its first row, and undo it."""
    admin = desk.admin
    request, member = admin.execute(
        "select sequence, encode(substr(members, 1, 32), 'hex') from ops.delivery_requests"
        " where tenant_id = %s and platform = 'meta' order by sequence offset 1 limit 1",
        [desk.tenant_id],
    ).fetchone() or (0, "")
    table = statement.split("ops.")[1].split()[0]
    own = "" if table == "delivery_attempts" else " and platform = 'meta'"
    # Triggers and foreign keys stand in the way of services, not of whoever owns the disk.
    admin.execute("set session_replication_role = replica")
    for name in TABLES:
        admin.execute(f"create temporary table kept_{name} as select * from ops.{name}")  # pyright: ignore[reportArgumentType]
    changed = admin.execute(
        statement + own,  # pyright: ignore[reportArgumentType]
        {"request": request, "entry": request, "delivery": member},
    )
    assert changed.rowcount == rows
    yield
    for name in TABLES:
        admin.execute(f"delete from ops.{name}")  # pyright: ignore[reportArgumentType]
        admin.execute(f"insert into ops.{name} select * from kept_{name}")  # pyright: ignore[reportArgumentType]
        admin.execute(f"drop table kept_{name}")  # pyright: ignore[reportArgumentType]
    admin.execute("set session_replication_role = origin")


def test_a_ledger_that_nobody_touched_holds(desk: Desk) -> None:
    verdicts = verify(desk.warehouse, desk.tenant_id)
    assert [fault.sentence() for verdict in verdicts for fault in verdict.faults] == []
    assert {verdict.account.platform: verdict.entry_count for verdict in verdicts} == {
        "meta": 6,
        "google": 3,
    }


def test_one_change_of_any_kind_is_found_and_placed(desk: Desk) -> None:
    found: dict[str, list[tuple[str, int | None]]] = {}
    for what, (statement, _) in FLIPS.items():
        with tampered(desk, statement):
            found[what] = faults_of(desk)
            assert faults_of(desk, "google") == [], what
    assert faults_of(desk) == []
    assert {what: faults[0][0] for what, faults in found.items() if faults} == {
        what: code for what, (_, code) in FLIPS.items()
    }
    unplaced = {
        what
        for what, faults in found.items()
        if not {sequence for _, sequence in faults} & {3, 4, 5}
    }
    assert unplaced == {what for what, (_, code) in FLIPS.items() if code == "delivery_forged"}


def test_a_platforms_word_that_nobody_gave_is_found(desk: Desk) -> None:
    desk.plan("never-sent", "meta", decision="hold", reason="consent_unknown")
    desk.enroll()
    with tampered(
        desk, "update ops.deliveries set state = 'accepted' where conversion_id = 'never-sent'"
    ):
        assert [code for code, _ in faults_of(desk)] == ["delivery_changed"]


def test_a_late_answer_is_held_against_the_attempt_that_it_settled(desk: Desk) -> None:
    desk.admin.execute(
        "update ops.delivery_attempts set late_code = 'other' where late_outcome is not null"
    )
    assert [code for code, _ in faults_of(desk, "google")] == ["attempt_changed"]


def test_a_request_slipped_in_and_an_entry_slipped_in_are_found(desk: Desk) -> None:
    copied = (
        "insert into ops.{0} select (jsonb_populate_record(t, %s)).* from ops.{0} as t"
        " where tenant_id = %s and platform = 'meta' and sequence = 1"
    )
    new = {"sequence": 7, "request_key": "a" * 64, "entry_key": "a" * 64}
    for table, code in {
        "delivery_requests": "request_unentered",
        "delivery_journal": "entry_moved",
    }.items():
        with desk.admin.transaction(force_rollback=False):
            desk.admin.execute(copied.format(table), [json.dumps(new), desk.tenant_id])  # pyright: ignore[reportArgumentType]
        assert code in {fault for fault, _ in faults_of(desk)}


def test_a_cut_off_end_is_found_by_what_hangs_on_it_or_by_a_head_kept_elsewhere(desk: Desk) -> None:
    kept = {head.platform: head for head in list_heads(desk.warehouse, desk.tenant_id)}
    assert (kept["meta"].sequence, kept["google"].sequence) == (6, 3)
    found = find_head(desk.warehouse, desk.tenant_id, kept["meta"].entry_key)
    assert found == kept["meta"]
    with tampered(desk, "delete from ops.delivery_journal where sequence > 4", rows=2):
        assert ("request_unentered", 5) in faults_of(desk)
        # Whoever takes away all that hangs on the end as well is seen only by the head.
        desk.admin.execute(
            "delete from ops.delivery_requests where platform = 'meta' and sequence > 4"
        )
        desk.admin.execute(
            "delete from ops.delivery_attempts where delivery_id in"
            " (select delivery_id from ops.deliveries where conversion_id in ('c2', 'd2'))"
        )
        desk.admin.execute("delete from ops.deliveries where conversion_id in ('c2', 'd2')")
        assert faults_of(desk) == []
        assert find_head(desk.warehouse, desk.tenant_id, kept["meta"].entry_key) is None


def test_requests_that_were_halved_or_lost_hold_with_all_that_followed(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    for n in range(8):
        desk.plan(f"c{n}", "meta")
    desk.enroll()
    event_id = desk.rows("event_id")[3][0]
    desk.sandbox.arm("meta", "whole_request_refusal", event_id=event_id, times=10)
    desk.send()
    desk.plan("c8", "meta")
    desk.enroll()
    desk.sandbox.arm("meta", "reset_after")
    desk.send()
    ask_again(desk)
    assert sorted(desk.rows("state, attempts")) == sorted(
        [("accepted", 1)] * 7 + [("rejected", 1), ("accepted", 2)]
    )
    assert faults_of(desk) == []


def test_command_prints_what_holds_and_exits_1_where_something_does_not(
    desk: Desk, run: Run
) -> None:
    sound = run("ledger", "verify", "--json")
    assert (sound.exit_code, len(sound.stdout.splitlines())) == (0, 2)
    head = json.loads(run("ledger", "head", "--json").stdout.splitlines()[0])["entry_key"]
    assert run("ledger", "verify", "--head", head).exit_code == 0
    assert run("ledger", "verify", "--head", "0" * 64).exit_code == 1
    assert run("ledger", "verify", "--head", "not a key").exit_code == 2
    with tampered(desk, FLIPS["a request's body"][0]):
        broken = run("ledger", "verify")
        assert broken.exit_code == 1
        assert "meta:880000000000001" in broken.output
        assert "entry 3" in broken.output
        told = json.loads(run("ledger", "verify", "--json").stdout.splitlines()[1])
        assert told["faults"] == [
            {"code": "request_changed", "sequence": 3, "subject": "body_sha256"}
        ]


def test_every_fault_has_words() -> None:
    assert {code for _, code in FLIPS.values()} <= set(FAULTS)
