"""The story of the demonstration: the same whenever it is told, and its broken day is broken at any hour."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from expectations.null_limits import limits_of
from orchestration.sandbox.story import PLOTS, Parcel, tell

PLOT = next(plot for plot in PLOTS if plot.has_broken_day)
ZONE = ZoneInfo(PLOT.timezone)


def lacks_parameters(parcel: Parcel) -> bool:
    return parcel.payload.get("url") == f"{PLOT.site}/basvuru"


@pytest.mark.parametrize("hour", range(24))
def test_broken_day_is_one_day_and_broken_enough_whenever_the_story_ends(hour: int) -> None:
    anchor = datetime(2026, 11, 24, hour, 17, 5, tzinfo=UTC)
    parcels = [p for p in tell(PLOT, "tenant", anchor) if p.source == "form"]
    assert all(parcel.at <= anchor for parcel in parcels)
    broken = Counter(p.at.astimezone(ZONE).date() for p in parcels if lacks_parameters(p))
    (day,) = broken
    assert day == anchor.astimezone(ZONE).date() - timedelta(days=3)
    whole = sum(p.at.astimezone(ZONE).date() == day for p in parcels)
    allowed = max(limit.value for limit in limits_of("adgroup_id") if limit.name == "form")
    assert broken[day] > whole * allowed


def test_story_told_again_is_the_same() -> None:
    anchor = datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert tell(PLOT, "tenant", anchor) == tell(PLOT, "tenant", anchor)
