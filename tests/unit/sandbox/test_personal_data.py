"""What counts as raw personal data in a request, and what does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.sandbox.personal_data import (
    count_personal_data,
    is_sha256,
    may_hold_personal_data,
)


@pytest.mark.parametrize(
    "text",
    [
        "ayse.yilmaz@example.com",
        "mailto:ayse@okul.example.tr?x=1",
        "https://x.example/?mail=ayse%40example.com",
        "+90 532 123 45 67",
        "+1 (800) 555-0100",
        "%2B905321234567",
        "0532 123 45 67",
        "5321234567",
        "905321234567",
        "wa: 905321234567,",
    ],
)
def test_addresses_and_numbers_are_found(text):
    assert count_personal_data({"a": [{"b": text}]}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T12:00:00+03:00",
        "fb.1.1554763741205.AbCdEfGhIj",
        "Cj0KCQiA5320123456_abc",
        "https://okul.example/?gad_campaignid=20030909980&kpv=168345597304",
        "1250.50",
        "a" * 64,
        "E.C.P.v3.5321",
    ],
)
def test_times_click_ids_and_hashes_are_not(text):
    assert count_personal_data({"a": text}) == 0


def test_an_id_may_look_like_a_mobile_number_but_not_like_an_address():
    assert count_personal_data({"accountId": "5321234567"}) == 0
    assert count_personal_data({"order_id": "ayse@example.com"}) == 1


@given(st.binary(max_size=40))
def test_no_hash_is_taken_for_personal_data(content):
    import hashlib

    digest = hashlib.sha256(content).hexdigest()
    assert is_sha256(digest)
    assert count_personal_data([digest]) == 0


@pytest.mark.parametrize("value", ["A" * 64, "a" * 63, "g" * 64, None, 7, ["a" * 64]])
def test_only_64_lower_hexadecimal_digits_are_a_hash(value):
    assert not is_sha256(value)


@given(
    st.dictionaries(
        st.sampled_from(["value", "event_id", "note"]),
        st.one_of(
            st.text('05329+ ()-.@%u\\a"é', max_size=24),
            st.sampled_from(
                ["0532 123 45 67", "+905321234567", "a@b.co", "x%40y.tr", "905321234567"]
            ),
        ),
        max_size=3,
    ),
    st.booleans(),
)
def test_a_look_at_the_whole_body_misses_nothing(payload, is_ascii):
    body = json.dumps(payload, ensure_ascii=is_ascii)
    if not may_hold_personal_data(body):
        assert count_personal_data(payload) == 0


def test_a_body_of_hashes_and_click_ids_is_not_suspected():
    import hashlib

    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(5_000)]
    body = json.dumps({"em": hashes, "fbc": "fb.1.1554763741205.AbCdEfGhIj", "gclid": "Cj0KCQ_5-1"})
    assert not may_hold_personal_data(body)
