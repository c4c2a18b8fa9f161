"""Showing an event: hashes and outcome as they are, everything that could lead to a person only as carried."""

from __future__ import annotations

from importlib import import_module

import pytest

from orchestration.deliveries.answers.shown import CARRIED, compare_events, say_door, show_fields
from orchestration.deliveries.destinations import DESTINATIONS
from orchestration.deliveries.guard import Shape

# What no answer to a person may show.
_HIDDEN = {Shape.CLICK, Shape.NUMBER_ID, Shape.PAGE}
HASH, OTHER = "a" * 64, "b" * 64
MODULES = ["google", "google_clicks", "meta", "tiktok"]


def nested(path: str, value: object) -> dict[str, object]:
    head, _, rest = path.partition(".")
    return {head: nested(rest, value) if rest else value}


@pytest.mark.parametrize("name", MODULES)
def test_no_field_that_could_lead_to_a_person_is_shown(name: str) -> None:
    fields = import_module(f"orchestration.deliveries.destinations.{name}").FIELDS
    hidden = [path for path, shape in fields.items() if shape in _HIDDEN]
    assert hidden
    for path in hidden:
        assert show_fields(nested(path, "123456789")) == {path: CARRIED}


@pytest.mark.parametrize("name", MODULES)
def test_hashes_are_shown_as_hashes(name: str) -> None:
    fields = import_module(f"orchestration.deliveries.destinations.{name}").FIELDS
    hashed = [path for path, shape in fields.items() if shape is Shape.HASH]
    assert hashed
    for path in hashed:
        assert show_fields(nested(path, HASH)) == {path: HASH}


def test_a_lead_id_is_carried_although_it_is_a_number() -> None:
    assert show_fields({"user_data": {"lead_id": 123456789012345}}) == {
        "user_data.lead_id": CARRIED
    }


def test_a_list_shows_each_of_its_values() -> None:
    assert show_fields({"user_data": {"em": [HASH, OTHER]}}) == {"user_data.em": [HASH, OTHER]}


def test_two_events_differ_in_what_each_was_and_is() -> None:
    before = {"value": 1.0, "user": {"ttclid": "one", "email": HASH}, "event": "Lead"}
    after = {"value": 2.0, "user": {"ttclid": "two", "phone": OTHER}, "event": "Lead"}
    assert compare_events(before, after) == {
        "user.email": {"was": HASH, "is": None},
        "user.phone": {"was": None, "is": OTHER},
        "user.ttclid": {"was": CARRIED, "is": CARRIED},
        "value": {"was": 1.0, "is": 2.0},
    }
    assert compare_events(before, before) == {}


@pytest.mark.parametrize("platform", DESTINATIONS)
@pytest.mark.parametrize("lane", ["crm", "messaging", "web", "offline", "physical_store", "42"])
def test_every_door_has_its_reason(platform: str, lane: str) -> None:
    assert say_door(platform, lane)
