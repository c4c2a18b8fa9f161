"""The ledger lets go of what is old and settled, and of nothing else; what stays still verifies."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pydantic
import pytest
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.deliveries.journal.replay import rebuild_all
from orchestration.deliveries.journal.retention import Pruned, prune
from orchestration.deliveries.journal.verification import find_head, list_heads, verify
from orchestration.settings import Settings
from orchestration.warehouse import sql
from tests.integration.deliveries.conftest import ACCOUNT_IDS, Desk

DeskMaker = Callable[..., Desk]
KEPT = 400
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@contextmanager
def days_ago(desk: Desk, days: int) -> Generator[None]:
    """Let the worker and the platforms live some days ago: a schema that it sees first has clocks of its own."""
    database = desk.admin.info.dbname
    desk.admin.execute("create schema if not exists past; grant usage on schema past to worker")
    for name in ("now", "clock_timestamp"):
        clock = f"select pg_catalog.{name}() - interval '{days} days'"
        desk.admin.execute(
            f"create or replace function past.{name}() returns timestamptz language sql as $${clock}$$".encode()
        )
    # The policy that the tenant was made with holds since before that.
    desk.admin.execute("update ops.consent_policies set valid_from = '2020-01-01'")
    worker = f'alter role worker in database "{database}"'
    desk.admin.execute(f"{worker} set search_path = past, pg_catalog".encode())
    desk.warehouse.dispose()
    around = desk.sandbox.around
    today = around.now
    around.now = lambda: today() - timedelta(days=days)
    yield
    around.now = today
    desk.admin.execute(f"{worker} reset search_path".encode())
    desk.warehouse.dispose()


def send(desk: Desk, *conversions: str, days: int = 0) -> None:
    """Plan conversions and send them in one request, some days ago; the plan forgets them after its own time."""
    happened = datetime.now(UTC) - timedelta(days=days + 1)
    for conversion in conversions:
        desk.plan(conversion, "meta", converted_at=happened)
    with days_ago(desk, days):
        desk.enroll()
        desk.admin.execute("update ops.deliveries set next_at = 'epoch' where state = 'pending'")
        desk.send()
    if days:
        forget(desk, *conversions)


def forget(desk: Desk, *conversions: str) -> None:
    """Let the plan hold these no longer."""
    desk.admin.execute(
        "delete from marts.delivery_plan where conversion_id = any(%s)", [list(conversions)]
    )


def let_go(desk: Desk, *, is_dry: bool = False) -> list[Pruned]:
    """Let go of what is old today."""
    return prune(desk.warehouse, desk.tenant_id, datetime.now(UTC), is_dry=is_dry)


def kept(desk: Desk) -> list[str]:
    """The conversions that the ledger still knows."""
    return [row[0] for row in desk.rows("conversion_id")]


def is_sound(desk: Desk) -> bool:
    """Whether what is left verifies and can be made again."""
    return all(v.is_sound for v in verify(desk.warehouse, desk.tenant_id)) and all(
        request.is_same for request in rebuild_all(desk.warehouse, desk.tenant_id, LONG_AGO)
    )


def test_what_is_old_goes_and_the_rest_still_verifies(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    send(desk, "a", "b", days=KEPT + 2)
    send(desk, "c", days=KEPT + 1)
    send(desk, "d", days=KEPT - 1)
    send(desk, "e")
    (old,) = list_heads(desk.warehouse, desk.tenant_id)
    account = ("meta", ACCOUNT_IDS["meta"])
    assert let_go(desk, is_dry=True) == [Pruned(*account, 3, 3, 2, 4)]
    assert kept(desk) == ["a", "b", "c", "d", "e"]
    assert let_go(desk) == [Pruned(*account, 3, 3, 2, 4)]
    assert kept(desk) == ["d", "e"]
    assert is_sound(desk)
    assert let_go(desk) == []
    (head,) = list_heads(desk.warehouse, desk.tenant_id)
    assert head == old
    send(desk, "f")
    assert is_sound(desk)


def test_chain_that_went_as_a_whole_goes_on_where_it_ended(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    send(desk, "a", days=KEPT + 1)
    (head,) = list_heads(desk.warehouse, desk.tenant_id)
    let_go(desk)
    assert kept(desk) == []
    assert list_heads(desk.warehouse, desk.tenant_id) == []
    assert find_head(desk.warehouse, desk.tenant_id, head.entry_key) == head
    send(desk, "b")
    assert [h.sequence for h in list_heads(desk.warehouse, desk.tenant_id)] == [head.sequence + 2]
    assert is_sound(desk)


def test_conversion_that_is_still_planned_is_not_let_go_and_so_not_sent_again(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    send(desk, "a", days=KEPT + 1)
    desk.plan("a", "meta")
    assert let_go(desk) == []
    desk.enroll()
    assert desk.rows("conversion_id, state, version") == [("a", "accepted", 1)]


@pytest.mark.parametrize(
    "state", ["held", "pending", "leased", "submitted", "retry_wait", "in_doubt"]
)
def test_row_that_is_open_is_never_let_go(make_desk: DeskMaker, state: str) -> None:
    desk = make_desk("meta")
    send(desk, "a", days=KEPT + 2)
    send(desk, "b", days=KEPT + 1)
    with desk.admin.transaction():
        desk.admin.execute("set local session_replication_role = replica")
        desk.admin.execute(
            "update ops.deliveries set state = %s, lease_token = %s where conversion_id = 'a'",
            [state, "00000000-0000-0000-0000-000000000001" if state == "leased" else None],
        )
    let_go(desk)
    # What comes after it in the chain stays with it.
    assert desk.admin.execute("select count(*) from ops.delivery_journal").fetchone() == (4,)
    assert "a" in kept(desk)


def test_request_that_a_later_try_belongs_to_stays_until_that_is_old(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    send(desk, "a", days=KEPT + 2)
    with desk.admin.transaction():
        desk.admin.execute("set local session_replication_role = replica")
        desk.admin.execute("update ops.deliveries set state = 'in_doubt'")
    desk.plan("a", "meta", converted_at=datetime.now(UTC) - timedelta(days=KEPT + 3))
    with days_ago(desk, KEPT - 1):
        desk.admin.execute(
            "update ops.deliveries set next_at = 'epoch', sent_at = now() - interval '400 days'"
        )
        desk.send()
    forget(desk, "a")
    assert desk.rows("state, attempts") == [("accepted", 2)]
    assert let_go(desk) == []
    assert is_sound(desk)


def test_row_and_what_changed_it_go_together(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    send(desk, "a", days=KEPT + 2)
    desk.plan("a", "meta", value=3)
    desk.change_conversion("a", value=3)
    with days_ago(desk, KEPT - 1):
        desk.enroll()
    forget(desk, "a")
    desk.admin.execute(
        "update ops.deliveries set updated_at = now() - interval '399 days' where kind = 'adjust'"
    )
    assert desk.rows("kind, state") == [("send", "accepted"), ("adjust", "noted")]
    assert let_go(desk) == []
    desk.admin.execute(
        "update ops.deliveries set updated_at = now() - interval '402 days' where kind = 'adjust'"
    )
    assert [(p.deliveries, p.entries) for p in let_go(desk)] == [(2, 2)]


def test_one_tenant_lets_go_of_its_own_alone(make_desk: DeskMaker) -> None:
    desk, other = make_desk("meta"), make_desk("meta")
    for one in (desk, other):
        send(one, "a", days=KEPT + 1)
    let_go(desk)
    assert (kept(desk), kept(other)) == ([], ["a"])


def test_no_service_deletes_from_the_ledger_and_none_shortens_its_days(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    send(desk, "a", days=300)
    for table in (
        "deliveries",
        "delivery_attempts",
        "delivery_requests",
        "delivery_journal",
        "journal_anchors",
    ):
        assert desk.admin.execute(
            "select has_table_privilege('worker', %s, 'delete')", [f"ops.{table}"]
        ).fetchone() == (False,)
    queries = sql.load(prune.__code__.co_filename, "retention.sql")
    soon = {"older_than": datetime.now(UTC) - timedelta(days=179), "planned": []}
    with pytest.raises(IntegrityError), desk.warehouse.tenant(desk.tenant_id) as connection:
        connection.execute(queries.prune_ledger, soon)
    with pytest.raises(pydantic.ValidationError):
        Settings(ledger_keep_days=179)
    assert kept(desk) == ["a"]


def test_command_says_what_went_and_the_audit_log_keeps_it(
    make_desk: DeskMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("meta")
    send(desk, "a", days=KEPT + 1)
    for name in ("ledger", "console"):
        monkeypatch.setattr(
            f"orchestration.commands.{name}.get_settings", lambda: desk.warehouse.settings
        )
    tried = CliRunner().invoke(app, ["ledger", "prune", "--dry-run"])
    assert "1 deliveries, 1 attempts, 1 requests, 2 entries" in tried.stdout
    audited = "select reason from ops.audit_log where action = 'ledger.prune'"
    assert desk.admin.execute(audited).fetchall() == []
    done = CliRunner().invoke(app, ["ledger", "prune", "--json"])
    assert json.loads(done.stdout)["deliveries"] == 1
    assert desk.admin.execute(audited).fetchall() == [
        ("deliveries=1 attempts=1 requests=1 entries=2",)
    ]
    assert "Nothing is old enough" in CliRunner().invoke(app, ["ledger", "prune"]).output
