"""The ledger follows the plan, and no statement takes a way that does not exist."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from orchestration.deliveries.canonical import canonical
from orchestration.deliveries.conversion import Conversion, Request
from orchestration.deliveries.destinations import meta
from orchestration.deliveries.ledger import leases, ledger
from orchestration.deliveries.ledger.outcomes import accepted
from orchestration.deliveries.ledger.states import State, may_follow

DeskMaker = Callable[..., Any]
REPEATS = ledger.Repeats(timedelta(hours=42), ("messaging",))


def word(conversion: Conversion) -> tuple[str, dict[str, Any]]:
    return meta.lane(conversion), meta.event(conversion)


def lease(desk: Any, limit: int = 100) -> leases.Lease:
    return leases.lease_rows(
        desk.warehouse,
        desk.account("meta"),
        word,
        REPEATS,
        token=uuid4(),
        limit=limit,
        chance=lambda: 0.0,
    )


def test_planning_twice_adds_nothing(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.plan("c2", "meta", decision="hold", reason="consent_unknown", consent=None)
    desk.plan("c3", "meta", decision="never", reason="too_old")
    moved = {(count.state, count.reason): count.row_count for count in desk.enroll()}
    assert moved == {("pending", "eligible"): 1, ("held", "consent_unknown"): 1}
    assert desk.enroll() == []
    assert desk.states() == {"c1": "pending", "c2": "held"}


def test_ids_come_from_content_and_the_events_is_no_rows(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    [(delivery_id, event_id)] = desk.rows("delivery_id, event_id")
    assert delivery_id != event_id
    desk.admin.execute("delete from ops.deliveries")
    desk.enroll()
    assert desk.rows("delivery_id, event_id") == [(delivery_id, event_id)]


@pytest.mark.parametrize(
    ("before", "plan", "after"),
    [
        (("hold", "consent_unknown"), ("send", "eligible"), ("pending", "eligible")),
        (("hold", "consent_unknown"), ("never", "too_old"), ("expired", "too_old")),
        (("hold", "consent_unknown"), ("never", "consent_denied"), ("cancelled", "consent_denied")),
        (("send", "eligible"), ("hold", "consent_unknown"), ("held", "consent_unknown")),
        (("send", "eligible"), ("never", "consent_denied"), ("cancelled", "consent_denied")),
        (("send", "eligible"), ("never", "too_old"), ("expired", "too_old")),
    ],
)
def test_waiting_row_goes_where_the_plan_wants_it(
    make_desk: DeskMaker,
    before: tuple[str, str],
    plan: tuple[str, str],
    after: tuple[str, str],
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta", decision=before[0], reason=before[1])
    desk.enroll()
    desk.change_plan("c1", decision=plan[0], reason=plan[1])
    desk.enroll()
    assert desk.rows("state, reason") == [after]


def test_withdrawn_and_given_again_consent_opens_a_new_version_of_the_same_event(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.change_plan("c1", decision="never", reason="consent_denied")
    desk.enroll()
    desk.change_plan("c1", decision="send", reason="eligible")
    desk.enroll()
    assert desk.rows("version, state") == [(1, "cancelled"), (2, "pending")]
    [(first,), (second,)] = desk.rows("event_id")
    assert first == second


def test_changed_route_calls_the_old_row_off_and_owes_the_new_action(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.change_plan("c1", action="Subscribe")
    desk.enroll()
    assert set(desk.rows("action, state, reason")) == {
        ("Purchase", "cancelled", "route_changed"),
        ("Subscribe", "pending", "eligible"),
    }


def test_what_was_delivered_stays_when_the_plan_forgets_it(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    taken = lease(desk)
    ledger.settle(
        desk.warehouse, desk.account("meta"), taken.token, {taken.rows[0].delivery_id: accepted()}
    )
    desk.change_plan("c1", decision="never", reason="too_old")
    desk.enroll()
    assert desk.states() == {"c1": "accepted"}


def test_overdue_row_expires_though_the_plan_is_old(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    desk.enroll()
    ledger.tidy(desk.warehouse, desk.account("meta"), REPEATS)
    assert desk.states() == {"c1": "expired"}


def test_conversion_of_a_clock_that_is_ahead_leaves_when_its_time_has_come(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    later = datetime.now(UTC) + timedelta(hours=2)
    desk.plan("c1", "meta", converted_at=later)
    desk.plan("c2", "meta")
    desk.enroll()
    assert desk.rows("next_at")[0] == (later,)
    desk.send()
    assert desk.states() == {"c1": "pending", "c2": "accepted"}
    # Whoever wakes the row up does not let it go.
    desk.admin.execute("update ops.deliveries set next_at = now() where state = 'pending'")
    desk.send()
    assert desk.states()["c1"] == "pending"
    desk.change_plan("c1", converted_at=datetime.now(UTC) - timedelta(seconds=1))
    desk.send()
    assert desk.states()["c1"] == "accepted"


def test_two_senders_never_lease_the_same_row(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    for number in range(10):
        desk.plan(f"c{number}", "meta")
    desk.enroll()
    first, second = lease(desk, 6), lease(desk, 6)
    ids = [row.delivery_id for row in first.rows + second.rows]
    assert (len(first.rows), len(second.rows)) == (6, 4)
    assert len(set(ids)) == 10


def test_second_sender_passes_over_rows_that_the_first_is_taking_still(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    for number in range(10):
        desk.plan(f"c{number}", "meta")
    desk.enroll()
    second: list[leases.Lease] = []

    def word_and_be_overtaken(conversion: Conversion) -> tuple[str, dict[str, Any]]:
        # The first holds its rows, and has not committed.
        if not second:
            with ThreadPoolExecutor(max_workers=1) as beside:
                second.append(beside.submit(lease, desk, 6).result(timeout=20))
        return word(conversion)

    first = leases.lease_rows(
        *(desk.warehouse, desk.account("meta"), word_and_be_overtaken, REPEATS),
        token=uuid4(),
        limit=6,
        chance=lambda: 0.0,
    )
    ids = [row.delivery_id for row in first.rows + second[0].rows]
    assert (len(first.rows), len(second[0].rows)) == (6, 4)
    assert len(set(ids)) == 10


@pytest.mark.parametrize(
    ("has_left", "state", "is_sent"), [(True, "in_doubt", True), (False, "retry_wait", False)]
)
def test_lease_that_lapsed_is_in_doubt_when_its_request_may_have_left(
    make_desk: DeskMaker, has_left: bool, state: str, is_sent: bool
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    account = replace(desk.account("meta"), config={"dataset_id": "880000000000001"})

    def make(lane: str, rows: Sequence[leases.Leased]) -> Request:
        return meta.request([row.event for row in rows], account, lane)

    leases.lease_rows(
        *(desk.warehouse, account, word, REPEATS),
        token=uuid4(),
        limit=10,
        chance=lambda: 0.0,
        make=make if has_left else None,
    )
    desk.pass_time(1)
    ledger.tidy(desk.warehouse, account, REPEATS)
    assert desk.rows("state, is_doubtful, sent_at is not null") == [(state, is_sent, is_sent)]


def test_payload_is_frozen_at_the_first_lease(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    first = lease(desk)
    [(payload, digest)] = desk.rows("payload, payload_sha256")
    assert json.loads(payload) == first.rows[0].event
    assert payload == canonical(first.rows[0].event)
    desk.change_plan("c1", value=1)
    desk.pass_time(1)
    ledger.tidy(desk.warehouse, desk.account("meta"), REPEATS)
    second = lease(desk)
    assert second.rows[0].event == first.rows[0].event
    assert desk.rows("payload, payload_sha256") == [(payload, digest)]


def test_lease_keeps_what_the_platform_is_told(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.identify("c1", "phone")
    desk.plan("c2", "meta", kind="appointment", action="Schedule")
    desk.enroll()
    lease(desk)
    told = desk.rows("value, currency, identifiers")
    assert told == [
        (Decimal("1499.90"), "TRY", ["email", "external_id", "phone"]),
        (None, None, ["email", "external_id"]),
    ]


def test_attempt_says_on_what_consent_and_policy_it_stands(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    lease(desk)
    [(consent, basis, policy_from)] = desk.admin.execute(
        "select consent, legal_basis, policy_from from ops.delivery_attempts"
    ).fetchall()
    assert (consent, basis) == ("granted", "consent")
    [(since,)] = desk.admin.execute("select max(valid_from) from ops.consent_policies").fetchall()
    assert policy_from == since


def test_change_of_a_row_waits_until_the_platform_has_that_row(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.admin.execute(
        "insert into ops.deliveries (tenant_id, delivery_id, platform, account_id, action, conversion_id,"
        " kind, version, event_id, state, reason, parent_id)"
        " select tenant_id, repeat('a', 64), platform, account_id, action, conversion_id,"
        " 'retract', 2, event_id, 'pending', 'reversed', delivery_id from ops.deliveries"
    )
    purposes: list[str] = []

    def note(conversion: Conversion) -> tuple[str, dict[str, Any]]:
        purposes.append(conversion.purpose)
        return word(replace(conversion, purpose="send"))

    def take() -> leases.Lease:
        return leases.lease_rows(
            *(desk.warehouse, desk.account("meta"), note, REPEATS),
            token=uuid4(),
            limit=10,
            chance=lambda: 0.0,
        )

    first = take()
    assert purposes == ["send"]
    assert take().is_empty
    outcome = {first.rows[0].delivery_id: accepted()}
    ledger.settle(desk.warehouse, desk.account("meta"), first.token, outcome)
    # The outcome was taken back, which is what the second row tells.
    desk.change_conversion("c1", is_reversed=True)
    desk.change_plan("c1", decision="never", reason="reversed")
    assert len(take().rows) == 1
    assert purposes == ["send", "retract"]


def test_lease_that_ran_out_before_a_request_left_was_not_sent(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    lease(desk)
    desk.pass_time(1)
    ledger.tidy(desk.warehouse, desk.account("meta"), REPEATS)
    assert desk.rows("state, sent_at, platform_code") == [("retry_wait", None, "lease_expired")]


def test_outcome_of_an_older_owner_is_dropped(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    old = lease(desk)
    desk.pass_time(1)
    ledger.tidy(desk.warehouse, desk.account("meta"), REPEATS)
    new = lease(desk)
    outcome = {old.rows[0].delivery_id: accepted()}
    assert ledger.settle(desk.warehouse, desk.account("meta"), old.token, outcome) == {}
    assert desk.states() == {"c1": "leased"}
    moved = ledger.settle(desk.warehouse, desk.account("meta"), new.token, outcome)
    assert set(moved.values()) == {State.ACCEPTED}
    assert desk.states() == {"c1": "accepted"}


@pytest.mark.parametrize(
    ("change", "value"),
    [("consent", "denied"), ("consent", None), ("is_reversed", True)],
    ids=["consent withdrawn", "consent unknown again", "reversed"],
)
def test_what_changed_after_planning_is_not_leased(
    make_desk: DeskMaker, change: str, value: object
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.change_conversion("c1", **{change: value})
    assert lease(desk).is_empty
    assert desk.states() == {"c1": "pending"}


def test_unknown_consent_is_leased_where_the_tenant_says_so(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.admin.execute(
        "update ops.consent_policies set unknown_consent = 'send' where tenant_id = %s",
        [desk.tenant_id],
    )
    desk.plan("c1", "meta", consent=None)
    desk.enroll()
    assert len(lease(desk).rows) == 1


def test_row_that_cannot_be_worded_is_refused_and_stops_nobody(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta", fbclid="not a click")
    desk.change_plan("c1", click_at=datetime.now(UTC))
    desk.plan("c2", "meta")
    desk.enroll()
    taken = lease(desk)
    assert (len(taken.rows), taken.refused) == (1, ["field_misshapen:user_data.fbc"])
    assert desk.rows("state, reason, sent_at")[0] == ("rejected", "refused_before_sending", None)


def test_error_of_ours_on_one_row_is_tried_three_times_and_stops_nobody(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()

    def stumble(_conversion: Conversion) -> tuple[str, dict[str, Any]]:
        raise ZeroDivisionError("jane.doe@example.com")

    for _ in range(3):
        taken = leases.lease_rows(
            desk.warehouse,
            desk.account("meta"),
            stumble,
            REPEATS,
            token=uuid4(),
            limit=10,
            chance=lambda: 0.0,
        )
        assert taken.bugs == ["ZeroDivisionError"]
    assert desk.rows("state, reason, platform_code") == [("dead", "bug", "bug:ZeroDivisionError")]


def test_no_statement_takes_a_way_that_is_not_in_the_table(
    make_desk: DeskMaker, admin: psycopg.Connection
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    for before, after in product(State, State):
        if before is after:
            continue
        admin.execute("alter table ops.deliveries disable trigger transition")
        admin.execute(
            "update ops.deliveries set state = %s, lease_token = %s",
            [before, uuid4() if before is State.LEASED else None],
        )
        admin.execute("alter table ops.deliveries enable trigger transition")
        change = (
            "update ops.deliveries set state = %s, lease_token = %s",
            [after, uuid4() if after is State.LEASED else None],
        )
        if may_follow(before, after):
            admin.execute(*change)
        else:
            with pytest.raises(psycopg.errors.CheckViolation):
                admin.execute(*change)


def test_panel_sees_states_and_no_hashes(make_desk: DeskMaker, admin: psycopg.Connection) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.enroll()
    desk.send()
    with admin.transaction():
        admin.execute("select set_config('app.tenant_id', %s, true)", [str(desk.tenant_id)])
        admin.execute("set local role panel")
        assert admin.execute("select state from ops.deliveries").fetchall() == [("accepted",)]
        for hidden in (
            "select payload from ops.deliveries",
            "select body from ops.delivery_requests",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), admin.transaction():
                admin.execute(hidden)
