"""What a platform has follows what the CRM says, where it can be told; where it cannot, the ledger says so once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.deliveries.destinations import google as data_manager
from orchestration.deliveries.destinations import google_clicks
from orchestration.sandbox.server import Sandbox
from tests.integration.deliveries.conftest import ACTIONS, Desk

DeskMaker = Callable[..., Desk]
EXAMPLES = 6
INTERFACES = {"datamanager": data_manager, "click_upload": google_clicks}
SETTLED = {"accepted", "duplicate", "cancelled", "noted", "in_doubt"}
VALUE, OTHER = Decimal("1499.90"), Decimal("20.50")


def hurry(desk: Desk) -> None:
    """Let the moment come that rows, and a throttled platform, wait for."""
    desk.admin.execute("update ops.deliveries set next_at = clock_timestamp()")
    desk.admin.execute("update ops.delivery_stops set next_try_at = clock_timestamp()")


def go(desk: Desk) -> None:
    """One run: bring the ledger in line, send what is due, and hear what comes later."""
    desk.enroll()
    for _ in range(2):
        hurry(desk)
        desk.send()


def change(
    desk: Desk, conversion_id: str, value: Decimal = VALUE, *, reversed_: bool = False
) -> None:
    """Let the CRM say something else of an outcome, on every account."""
    desk.change_conversion(conversion_id, is_reversed=reversed_, value=value)
    decision, reason = ("never", "reversed") if reversed_ else ("send", "eligible")
    desk.change_plan(conversion_id, decision=decision, reason=reason, value=value)


def held(desk: Desk, platform: str) -> dict[str, tuple[int, Decimal | None]]:
    """What a platform holds, by event id: how often it counts, and its value."""
    answer = httpx.get(f"{desk.sandbox.control_url}/_sandbox/events").raise_for_status().json()
    events = answer["events"] if isinstance(answer, dict) else answer
    return {
        event["event_id"]: (
            event["counted"],
            None if event["value"] is None else Decimal(str(event["value"])),
        )
        for event in events
        if event["platform"] == platform and event["name"] != "OrderReturned"
    }


def worth(desk: Desk, platform: str, conversion_id: str = "c1") -> Decimal | None:
    """What one conversion is worth at a platform; 0 for one that was taken back."""
    found = desk.admin.execute(
        "select distinct event_id from ops.deliveries where tenant_id = %s and conversion_id = %s and platform = %s",
        [desk.tenant_id, conversion_id, platform],
    ).fetchall()
    counted, value = held(desk, platform).get(found[0][0], (0, None)) if found else (0, None)
    return value if counted else Decimal(0)


def changes(desk: Desk) -> list[tuple[Any, ...]]:
    """The rows that change an earlier one: kind, state, reason, value."""
    return [row for row in desk.rows("kind, state, reason, value") if row[0] != "send"]


@pytest.fixture(autouse=True)
def _trusted_roots(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(sandbox.grpc_roots_path))


def installed(make_desk: DeskMaker, interface: str) -> Desk:
    desk = make_desk()
    desk.install("google", **({"api": "click_upload"} if interface == "click_upload" else {}))
    return desk


@pytest.fixture(params=["datamanager", "click_upload"])
def google(request: pytest.FixtureRequest, make_desk: DeskMaker) -> Desk:
    """A desk with one conversion at Google, by each of its interfaces."""
    desk = installed(make_desk, request.param)
    desk.plan("c1", "google", gclid="Cj0KCQtest")
    go(desk)
    assert desk.rows("state") == [("accepted",)]
    assert worth(desk, "google") == VALUE
    return desk


def test_value_that_changed_is_told_anew(google: Desk) -> None:
    change(google, "c1", OTHER)
    go(google)
    assert changes(google) == [("adjust", "accepted", "value_changed", OTHER)]
    assert worth(google, "google") == OTHER


def test_outcome_that_was_taken_back_is_taken_back(google: Desk) -> None:
    change(google, "c1", reversed_=True)
    go(google)
    assert [row[:3] for row in changes(google)] == [("retract", "accepted", "reversed")]
    assert worth(google, "google") == 0
    rows = google.rows("event_id, version")
    assert rows == [(rows[0][0], version) for version in (1, 2)]


@pytest.mark.parametrize(
    ("interface", "state", "reason", "value"),
    [
        ("datamanager", "accepted", "won_again", VALUE),
        # A conversion that was retracted can not be adjusted any more.
        ("click_upload", "noted", "platform_cannot_adjust", 0),
    ],
)
def test_outcome_that_is_won_again_is_told_where_it_can_be(
    make_desk: DeskMaker, interface: str, state: str, reason: str, value: Decimal
) -> None:
    desk = installed(make_desk, interface)
    desk.plan("c1", "google", gclid="Cj0KCQtest")
    go(desk)
    change(desk, "c1", reversed_=True)
    go(desk)
    change(desk, "c1")
    go(desk)
    assert [row[:3] for row in changes(desk)][1:] == [("adjust", state, reason)]
    assert worth(desk, "google") == value
    assert desk.enroll() == []


def test_what_did_not_change_is_not_told_again(google: Desk) -> None:
    change(google, "c1", OTHER)
    go(google)
    assert google.enroll() == []
    go(google)
    assert len(google.rows()) == 2


def test_row_that_has_not_settled_waits(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    desk.plan("c1", "google")
    desk.enroll()
    desk.send()
    assert desk.rows("state") == [("submitted",)]
    change(desk, "c1", OTHER)
    assert desk.enroll() == []
    go(desk)
    go(desk)
    assert worth(desk, "google") == OTHER


def test_row_that_never_arrived_needs_nothing(make_desk: DeskMaker) -> None:
    desk = make_desk("google")
    desk.plan("c1", "google", gclid="Cj0KCQtest")
    desk.enroll()
    event_id = desk.rows("event_id")[0][0]
    desk.sandbox.arm("google", "later_INVALID_GCLID", event_id=event_id)
    go(desk)
    assert desk.rows("state") == [("rejected",)]
    change(desk, "c1", reversed_=True)
    assert desk.enroll() == []


def test_change_that_changed_again_before_it_left_is_called_off(google: Desk) -> None:
    change(google, "c1", OTHER)
    google.enroll()
    change(google, "c1")
    google.enroll()
    assert changes(google) == [("adjust", "cancelled", "superseded", OTHER)]
    change(google, "c1", reversed_=True)
    go(google)
    assert [row[1] for row in changes(google)] == ["cancelled", "accepted"]
    assert worth(google, "google") == 0
    assert google.enroll() == []


def test_denied_consent_stops_a_change_until_it_is_given_again(google: Desk) -> None:
    change(google, "c1", OTHER)
    google.enroll()
    google.change_plan("c1", consent="denied")
    google.change_conversion("c1", consent="denied")
    go(google)
    assert [row[1:3] for row in changes(google)] == [
        ("cancelled", "superseded"),
        ("noted", "consent_denied"),
    ]
    assert google.enroll() == []
    assert worth(google, "google") == VALUE
    google.change_plan("c1", consent="granted")
    google.change_conversion("c1", consent="granted")
    go(google)
    assert worth(google, "google") == OTHER


def test_no_that_the_plan_does_not_know_yet_stops_a_change_too(google: Desk) -> None:
    google.admin.execute(
        "insert into ops.consent_changes"
        " (tenant_id, subject_kind, subject_id, status, changed_at, recorded_by)"
        " values (%s, 'conversion', 'c1', 'denied', now(), 'test')",
        [google.tenant_id],
    )
    change(google, "c1", OTHER)
    go(google)
    assert [row[:3] for row in changes(google)] == [("adjust", "noted", "consent_denied")]
    assert worth(google, "google") == VALUE


def test_change_after_the_platforms_time_is_noted(google: Desk) -> None:
    google.admin.execute("update marts.delivery_plan set expires_at = clock_timestamp()")
    change(google, "c1", OTHER)
    go(google)
    assert changes(google) == [("adjust", "noted", "too_late_to_adjust", OTHER)]


def test_change_of_an_action_that_was_rerouted_is_noted(google: Desk) -> None:
    google.change_plan("c1", action="OTHER")
    change(google, "c1", reversed_=True)
    google.enroll()
    assert [row[:3] for row in changes(google)] == [("retract", "noted", "route_changed")]
    assert google.enroll() == []


def test_what_a_platform_cannot_be_told_is_noted_once_for_each_change(make_desk: DeskMaker) -> None:
    desk = make_desk("tiktok", "meta")
    for platform in ("tiktok", "meta"):
        desk.plan("c1", platform)
    go(desk)
    for value, is_reversed in ((OTHER, False), (OTHER, True), (VALUE, False)):
        change(desk, "c1", value, reversed_=is_reversed)
        go(desk)
        go(desk)
    told = desk.rows("platform, kind, state, reason, platform_code")
    for platform in ("tiktok", "meta"):
        notes = [row[1:4] for row in told if row[0] == platform and row[1] != "send"]
        assert notes == [
            ("adjust", "noted", "platform_cannot_adjust"),
            ("retract", "noted", "platform_cannot_adjust"),
            ("adjust", "noted", "platform_cannot_adjust"),
        ]
        assert worth(desk, platform) == VALUE


def test_order_of_a_whatsapp_thread_is_returned_at_meta(make_desk: DeskMaker) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta", ctwa_clid="Afe-click")
    go(desk)
    assert desk.rows("lane") == [("messaging",)]
    change(desk, "c1", reversed_=True)
    go(desk)
    assert [row[:3] for row in changes(desk)] == [("retract", "accepted", "reversed")]
    assert worth(desk, "meta") == 0
    change(desk, "c1")
    go(desk)
    assert [row[:3] for row in changes(desk)][1:] == [("adjust", "noted", "platform_cannot_adjust")]


def test_change_goes_by_the_door_of_what_it_changes_whatever_is_learned_since(
    make_desk: DeskMaker,
) -> None:
    desk = make_desk("meta")
    desk.plan("c1", "meta")
    desk.plan("c2", "meta", ctwa_clid="Afe-click")
    go(desk)
    # The click of the one is found, and the other turns out to come from a form.
    desk.change_plan("c1", ctwa_clid="Afe-later")
    desk.change_plan("c2", meta_lead_id="1234567890123456")
    change(desk, "c1", reversed_=True)
    change(desk, "c2", reversed_=True)
    go(desk)
    assert desk.rows("conversion_id, kind, lane, state, platform_code") == [
        ("c1", "send", "system_generated", "accepted", None),
        ("c1", "retract", None, "noted", "cannot_adjust"),
        ("c2", "send", "messaging", "accepted", None),
        ("c2", "retract", "messaging", "accepted", None),
    ]


def test_change_goes_to_the_action_that_was_told_though_the_route_names_another(
    make_desk: DeskMaker,
) -> None:
    desk = installed(make_desk, "datamanager")
    desk.plan("c1", "google", gclid="Cj0KCQtest")
    go(desk)
    desk.change_plan("c1", action_id="900000004")
    change(desk, "c1", OTHER)
    go(desk)
    assert desk.rows("kind, lane") == [("send", "900000002"), ("adjust", "900000002")]
    assert worth(desk, "google") == OTHER


def test_nothing_is_sent_twice_because_a_change_was_called_off(google: Desk) -> None:
    change(google, "c1", OTHER)
    google.enroll()
    change(google, "c1")
    go(google)
    assert google.rows("kind, state") == [("send", "accepted"), ("adjust", "cancelled")]


VALUES = (VALUE, OTHER, Decimal("3.00"))
CONVERSIONS = ("a", "b")
# What happens to either of two outcomes between runs; and the runs, whole or in parts, under the faults of the day.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("worth"), st.sampled_from(CONVERSIONS), st.sampled_from(VALUES)),
        st.tuples(st.just("lost"), st.sampled_from(CONVERSIONS)),
        st.tuples(st.just("won"), st.sampled_from(CONVERSIONS)),
        st.tuples(st.just("enroll")),
        st.tuples(st.just("send")),
        st.tuples(st.just("run")),
        st.tuples(st.just("fault"), st.integers(0, 3)),
    ),
    min_size=3,
    max_size=14,
)
FAULTS = {
    "datamanager": ("reset_after", "503", "later_INTERNAL_ERROR", "reset"),
    "click_upload": ("503", "429", "500", "503"),
    "tiktok": ("503", "429", "reset", "500"),
    "meta": ("503", "429", "reset", "500"),
}


@dataclass
class History:
    """Two outcomes in the CRM, from one example to the next under new names, and what was done to them."""

    desk: Desk
    interface: str
    number: int = 0
    value: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    is_lost: dict[str, bool] = field(default_factory=dict[str, bool])
    last_word: dict[str, Decimal | None] = field(default_factory=dict[str, Decimal | None])
    notes: Counter[str] = field(default_factory=Counter[str])

    @property
    def platform(self) -> str:
        """Where the outcomes go."""
        return self.interface if self.interface in ACTIONS else "google"

    def begin(self) -> None:
        """Two new outcomes; nothing is wrong with the platform."""
        self.number += 1
        self.notes.clear()
        self.last_word.clear()
        self.desk.sandbox.around.faults.clear()
        for name in CONVERSIONS:
            self.value[name], self.is_lost[name] = VALUE, False
            self.desk.plan(self.id_of(name), self.platform, gclid="Cj0KCQtest")

    def id_of(self, name: str) -> str:
        """The conversion's id in this example."""
        return f"{name}{self.number}"

    def step(self, act: str, name: Any = None, value: Any = None) -> None:
        """Let one thing happen."""
        match act:
            case "worth":
                self.value[name] = value
            case "lost" | "won":
                self.is_lost[name] = act == "lost"
            case "enroll":
                self.enroll()
            case "send":
                self.desk.send()
            case "run":
                self.run()
            case _:
                self.desk.sandbox.arm(self.platform, FAULTS[self.interface][name], times=1)
        if act in {"worth", "lost", "won"}:
            change(self.desk, self.id_of(name), self.value[name], reversed_=self.is_lost[name])

    def enroll(self) -> None:
        """Follow the plan; what a platform that hears of no change has is compared with what the CRM says."""
        settled = {
            conversion: value
            for conversion, kind, state, value in self.desk.rows(
                "conversion_id, kind, state, value"
            )
            if kind == "send" and state == "accepted"
        }
        for name in CONVERSIONS:
            if self.id_of(name) in settled:
                said = None if self.is_lost[name] else self.value[name]
                if self.last_word.setdefault(name, settled[self.id_of(name)]) != said:
                    self.notes[name] += 1
                    self.last_word[name] = said
        self.desk.enroll()

    def run(self) -> None:
        """A whole run, and the answers that come later."""
        self.enroll()
        for _ in range(2):
            hurry(self.desk)
            self.desk.send()

    def end(self) -> None:
        """Let the weather clear and everything come to rest."""
        self.desk.sandbox.around.faults.clear()
        for _ in range(4):
            self.run()
        assert self.desk.enroll() == []

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        """An outcome's rows: kind, state, reason."""
        return [
            row[1:]
            for row in self.desk.rows("conversion_id, kind, state, reason")
            if row[0] == self.id_of(name)
        ]


@pytest.mark.parametrize("interface", ["datamanager", "click_upload"])
def test_platform_holds_what_the_crm_says_after_any_history(
    make_desk: DeskMaker, interface: str
) -> None:
    history = History(installed(make_desk, interface), interface)
    told = INTERFACES[interface].ADJUSTS

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(STEPS)
    def check(steps: list[tuple[Any, ...]]) -> None:
        history.begin()
        for step in steps:
            history.step(*step)
        history.end()
        for name in CONVERSIONS:
            rows = history.rows(name)
            assert {state for _, state, _ in rows} <= SETTLED
            if any(row[:2] == ("send", "in_doubt") for row in rows):
                # It may have arrived and was taken back before anybody knew: it is neither sent nor told anew.
                assert history.is_lost[name]
                continue
            is_gone = "restore" not in told and any(r[:2] == ("retract", "accepted") for r in rows)
            wanted = 0 if history.is_lost[name] or is_gone else history.value[name]
            assert worth(history.desk, "google", history.id_of(name)) == wanted

    check()


@pytest.mark.parametrize("platform", ["tiktok", "meta"])
def test_ledger_notes_each_change_once_where_nothing_can_be_told(
    make_desk: DeskMaker, platform: str
) -> None:
    history = History(make_desk(platform), platform)

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(STEPS)
    def check(steps: list[tuple[Any, ...]]) -> None:
        history.begin()
        for step in steps:
            history.step(*step)
        history.end()
        for name in CONVERSIONS:
            notes = [row for row in history.rows(name) if row[0] != "send"]
            assert {row[1:] for row in notes} <= {("noted", "platform_cannot_adjust")}
            assert len(notes) == history.notes[name]

    check()
