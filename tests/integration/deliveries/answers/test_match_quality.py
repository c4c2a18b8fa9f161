"""From what was sent, and from what the platforms say of it, to one row per destination and day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from orchestration.deliveries.answers import match_quality
from orchestration.deliveries.answers.eligibility import report
from orchestration.sandbox.server import Sandbox
from orchestration.transform.build import dbt_build_all

DeskMaker = Callable[..., Any]
NOW = datetime.now(UTC)
COUNTS = "platform, sent, accepted, matched, match_rate, match_rate_from, with_email, with_click"


@pytest.fixture(autouse=True)
def _trusted_roots(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(sandbox.grpc_roots_path))


def build(desk: Any) -> None:
    dbt_build_all(desk.warehouse.settings, "--select", "delivery_quality")


def days(desk: Any, columns: str = COUNTS) -> list[tuple[Any, ...]]:
    return desk.admin.execute(
        f"select {columns} from marts.delivery_quality where tenant_id = %s order by platform, day",
        [desk.tenant_id],
    ).fetchall()


def send_all(desk: Any) -> None:
    desk.enroll()
    desk.send()
    desk.pass_time(1)
    desk.send()


def test_sent_accepted_and_matched_stand_side_by_side(make_desk: DeskMaker) -> None:
    desk = make_desk("google", "meta", "tiktok")
    for platform in ("google", "meta", "tiktok"):
        for number in range(4):
            desk.plan(f"c{number}", platform)
    # One of Google's four is taken, and nobody is found behind it.
    desk.plan("lost", "google")
    desk.enroll()
    desk.send()
    desk.pass_time(1)
    desk.send()
    build(desk)
    told = {row[0]: row[1:] for row in days(desk)}
    assert told["meta"] == (4, 4, None, Decimal(1), "estimate", 4, 0)
    assert told["tiktok"] == (4, 4, None, Decimal(1), "estimate", 4, 0)
    assert told["google"][:2] == (5, 5)


def test_day_is_counted_again_when_one_of_its_rows_changes(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    send_all(desk)
    build(desk)
    assert days(desk, "sent, accepted") == [(1, 1)]
    desk.plan("c2", "meta")
    send_all(desk)
    build(desk)
    build(desk)
    assert sum(sent for sent, _ in days(desk, "sent, accepted")) == 2


def test_platforms_own_words_are_read_and_shown(make_desk: DeskMaker) -> None:
    desk = make_desk("google", "meta")
    desk.plan("c1", "google", gclid="Cj0KCQiA", click_at=NOW - timedelta(days=2))
    desk.plan("c1", "meta")
    send_all(desk)
    reports = match_quality.read_all(desk.warehouse, NOW, [desk.tenant_id])
    assert {r.account.platform: r.code for r in reports} == {"google": None, "meta": None}
    told = desk.admin.execute(
        "select platform, source, received, accepted from ops.match_quality where tenant_id = %s"
        " order by 1, 2, scope",
        [desk.tenant_id],
    ).fetchall()
    assert ("google", "upload_summary", 1, 1) in told


def test_account_that_cannot_be_read_is_reported_and_stops_nothing(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    desk.install("meta", token="expired-1")
    reports = {
        r.account.platform: r for r in match_quality.read_all(desk.warehouse, NOW, [desk.tenant_id])
    }
    assert reports["meta"].code == "190_463"
    assert reports["google"].code is None


@pytest.mark.parametrize(("days_late", "result"), [(27, "holds"), (29, "fails")])
def test_eligibility_follows_what_was_really_sent(
    make_desk: DeskMaker, days_late: int, result: str
) -> None:
    desk = make_desk("tiktok")
    for number in range(20):
        desk.plan(f"c{number:02}", "tiktok", converted_at=NOW - timedelta(days=1))
    send_all(desk)
    desk.admin.execute(
        "update ops.deliveries set sent_at = %s where tenant_id = %s",
        [NOW - timedelta(days=1) + timedelta(days=days_late), desk.tenant_id],
    )
    judged = report(desk.warehouse, desk.tenant_id, NOW - timedelta(days=7), NOW)
    assert {j.code: (j.result, j.of) for j in judged}["TIKTOK1"] == (result, 20)
