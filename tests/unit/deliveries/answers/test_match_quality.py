"""What the platforms say about matching, read from the shapes in which they say it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.deliveries.answers.match_quality import Reading, read_google, read_meta

DAY = date(2026, 11, 20)
ANSWER = {
    "web": [
        {
            "event_name": "Purchase",
            "event_match_quality": {
                "composite_score": 6.4,
                "match_key_feedback": [
                    {"identifier": "email", "coverage": {"percentage": 92.5}},
                    {"identifier": "phone", "coverage": {}},
                ],
            },
            "dedupe_key_feedback": [
                {
                    "dedupe_key": "event_id",
                    "overall_browser_coverage_from_dedupe_key": {"percentage": 40},
                }
            ],
        }
    ]
}


def test_dataset_quality_is_read_per_event() -> None:
    assert list(read_meta(ANSWER, DAY)) == [
        Reading(
            DAY,
            "dataset_quality",
            "Purchase",
            duplicate_share=Decimal("0.4"),
            event_match_quality=Decimal("6.4"),
            coverage={"email": 0.925},
        )
    ]


def test_event_without_a_score_is_read_without_one() -> None:
    (reading,) = read_meta({"web": [{"event_name": "Lead"}]}, DAY)
    assert (reading.event_match_quality, reading.duplicate_share, reading.coverage) == (
        None,
        None,
        {},
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        *("event_name", "event_match_quality", "composite_score", "identifier"),
                        *("match_key_feedback", "coverage", "percentage", "dedupe_key_feedback"),
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_answer_of_any_shape_is_read_as_far_as_it_goes(shape: object) -> None:
    for reading in read_meta({"web": shape}, DAY):
        assert reading.event_match_quality is None or reading.event_match_quality >= 0


def test_upload_summaries_of_several_clients_are_added_up_per_action_and_day() -> None:
    row = {"action_id": "9", "day": DAY, "successful": 3, "failed": 1, "pending": 2}
    other = {**row, "action_id": "8"}
    assert list(read_google([row, row, other])) == [
        Reading(DAY, "upload_summary", "8", received=6, accepted=3, failed=1, pending=2),
        Reading(DAY, "upload_summary", "9", received=12, accepted=6, failed=2, pending=4),
    ]


@pytest.mark.parametrize("answer", [{}, {"web": None}, {"web": "none"}, {"web": [1]}])
def test_nothing_is_read_from_nothing(answer: dict[str, object]) -> None:
    assert list(read_meta(answer, DAY)) == []
