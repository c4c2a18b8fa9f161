"""The sensor's position: what it has seen survives its cursor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestration.automation import Position

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


def test_without_a_cursor_the_sensor_looks_an_hour_back() -> None:
    assert Position.parse(None, NOW) == Position((NOW - timedelta(hours=1)).isoformat(), 0)


@given(count=st.integers(min_value=0), at=st.datetimes(timezones=st.just(UTC)))
def test_a_position_survives_its_cursor(count: int, at: datetime) -> None:
    position = Position(at.isoformat(), count)
    assert Position.parse(position.render(), NOW) == position
