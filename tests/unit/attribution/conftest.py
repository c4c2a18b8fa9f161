"""Journeys for tests: written as words, or drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from orchestration.attribution.journeys import Journeys, arrange

# Arithmetic is watched here, not the clock of a machine that others use too.
patient = settings(deadline=None)

NAMES = ("search", "social", "mail", "video", "direct")

Path = tuple[str, bool]
"""``("search social", True)``: the channels in their order, and whether the journey converted."""


def journeys_of(paths: Sequence[Path], names: tuple[str, ...] = NAMES) -> Journeys:
    """One person for each path; touches a day apart, the conversion a day after the last."""
    person, channel, touched_at, buyers = [], [], [], []
    for number, (words, converted) in enumerate(paths):
        for step, name in enumerate(words.split()):
            person.append(number)
            channel.append(names.index(name))
            touched_at.append(step * 86_400_000_000)
        if converted:
            buyers.append(number)
    last = 100 * 86_400_000_000
    return arrange(
        np.array(person, dtype=np.int64),
        np.array(touched_at, dtype=np.int64),
        np.array(channel, dtype=np.int64),
        names,
        conversion_person=np.array(buyers, dtype=np.int64),
        converted_at=np.full(len(buyers), last, dtype=np.int64),
    )


paths = st.lists(
    st.tuples(
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=6).map(" ".join), st.booleans()
    ),
    min_size=1,
    max_size=30,
)
