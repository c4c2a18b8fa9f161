"""The guard's quick look lets pass nothing that the slow one would stop, and stops nothing that is well."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.deliveries import guard
from orchestration.deliveries.conversion import EventRefused
from orchestration.deliveries.guard import Shape, refuse_unhashed

FIELDS = {
    "id": Shape.HASH,
    "value": Shape.AMOUNT,
    "at": Shape.SECONDS,
    "count": Shape.WHOLE,
    "flag": Shape.FLAG,
    "user.em": Shape.HASH,
    "user.name": Shape.NAME,
    "user": Shape.NAME,
}
LEAVES = st.one_of(
    st.sampled_from(["a" * 64, "A" * 64, "Purchase", "jane@example.com", "", "0905321234567"]),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.none(),
)
EVENTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(
            st.sampled_from(["id", "value", "at", "count", "flag", "user", "em", "name", "other"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


def is_plainly_well(event: Any, path: str = "") -> bool:
    """The rule, written as simply as it can be."""
    if isinstance(event, dict):
        return all(is_plainly_well(v, f"{path}.{k}".lstrip(".")) for k, v in event.items())
    if isinstance(event, list | tuple):
        return all(is_plainly_well(item, path) for item in event)
    shape = FIELDS.get(path)
    is_truth = isinstance(event, bool)
    if shape in {Shape.AMOUNT, Shape.SECONDS, Shape.WHOLE}:
        kinds = (int, float) if shape is Shape.AMOUNT else (int,)
        return isinstance(event, kinds) and not is_truth
    if shape is Shape.FLAG:
        return is_truth
    return (
        shape is not None
        and isinstance(event, str)
        and re.fullmatch(shape.value, event) is not None
    )


@given(st.dictionaries(st.sampled_from([*FIELDS, "other"]), EVENTS, max_size=4))
def test_guard_stops_what_breaks_the_rule_and_nothing_else(event: dict[str, Any]) -> None:
    try:
        refuse_unhashed(event, FIELDS)
        has_passed = True
    except EventRefused:
        has_passed = False
    assert has_passed == is_plainly_well(event)


def test_plans_of_two_destinations_are_not_mixed_up() -> None:
    refuse_unhashed({"a": "x"}, {"a": Shape.NAME})
    for _ in range(200):
        with pytest.raises(EventRefused, match="field_misshapen:a"):
            refuse_unhashed({"a": "x"}, {"a": Shape.HASH})


class Text(str):
    """Text as a driver may hand it over."""

    __slots__ = ()


def test_text_of_another_class_is_judged_as_text_at_the_first_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields = {"a": Shape.HASH}
    with pytest.raises(EventRefused, match="field_misshapen:a"):
        refuse_unhashed({"a": Text("jane@example.com")}, fields)
    monkeypatch.delattr(guard, "_walk")
    refuse_unhashed({"a": [Text("a" * 64)]}, fields)
