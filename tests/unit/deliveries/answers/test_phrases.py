"""Words for people: spans, clocks, destinations as one types them, and what codes mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from orchestration.deliveries.answers.meanings import find_meaning, is_throttle
from orchestration.deliveries.answers.phrases import (
    DestinationUnknown,
    Target,
    choose_accounts,
    read_target,
    say_expiry,
    say_span,
    say_stop,
)
from orchestration.deliveries.conversion import Account
from orchestration.deliveries.sending.stops import Stop

ONE = Account(UUID(int=1), "meta", "880000000000001")
OTHER = Account(UUID(int=1), "meta", "880000000000002")
GOOGLE = Account(UUID(int=1), "google", "1234567890")


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=40, seconds=59), "40 min"),
        (timedelta(minutes=60), "1 h"),
        (timedelta(hours=19, minutes=59), "19 h"),
        (timedelta(hours=48), "48 h"),
        (timedelta(hours=49), "2 days"),
        (timedelta(days=5, hours=23), "5 days"),
    ],
)
def test_a_span_is_said_as_people_do_and_never_rounded_up(span: timedelta, words: str) -> None:
    assert say_span(span) == words


def test_a_clock_names_the_platform_and_what_is_left() -> None:
    assert say_expiry("meta", timedelta(hours=19)) == "expires at Meta in 19 h"
    assert say_expiry("tiktok", timedelta(hours=-3)) == "its time at TikTok is over since 3 h"


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        (None, [ONE, OTHER, GOOGLE]),
        ("meta", [ONE, OTHER]),
        ("meta:880000000000002", [OTHER]),
        ("google", [GOOGLE]),
    ],
)
def test_a_destination_is_a_platform_or_one_account(
    typed: str | None, chosen: list[Account]
) -> None:
    assert choose_accounts([ONE, OTHER, GOOGLE], read_target(typed)) == chosen


@pytest.mark.parametrize("typed", ["tiktok", "meta:1"])
def test_an_account_that_is_not_there_is_refused_with_those_that_are(typed: str) -> None:
    with pytest.raises(DestinationUnknown, match="meta:880000000000001"):
        choose_accounts([ONE], read_target(typed))


def test_without_accounts_everything_is_nothing() -> None:
    assert choose_accounts([], Target()) == []


def test_a_stop_says_who_since_when_why_and_when_it_is_tried_again() -> None:
    at = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    paused = Stop("", "person", "prices are wrong", "ayse", at, None, is_due=False)
    assert say_stop("meta", paused) == (
        "paused by ayse since 2026-11-24 09:30 UTC (prices are wrong)"
    )
    refused = Stop("crm", "route", "200", "sender", at, at + timedelta(minutes=15), is_due=False)
    told = say_stop("meta", refused)
    assert told.startswith("route refused for crm since 2026-11-24 09:30 UTC (200: ")
    assert told.endswith(", tried again at 2026-11-24 09:45 UTC")


@pytest.mark.parametrize(
    ("platform", "code", "words"),
    [
        pytest.param("meta", "100_2804003", "too old", id="with subcode"),
        pytest.param("meta", "190_999999", "token", id="subcode without a row"),
        pytest.param("tiktok", "50000", "error of TikTok's system", id="TikTok"),
        pytest.param("google", "ConversionUploadError.EXPIRED_EVENT", "", id="classic upload"),
        pytest.param("meta", "http_404", "HTTP status", id="status alone"),
        pytest.param("google", "read_timeout", "may have arrived", id="ours"),
    ],
)
def test_a_code_has_its_meaning_and_its_source(platform: str, code: str, words: str) -> None:
    meaning = find_meaning(platform, code)
    assert meaning is not None
    assert meaning.code == code
    assert words in meaning.sentence
    assert meaning.source


def test_google_means_different_things_at_once_and_later() -> None:
    at_once = find_meaning("google", "INTERNAL_ERROR")
    later = find_meaning("google", "INTERNAL_ERROR", is_late=True)
    assert at_once is not None
    assert later is not None
    assert at_once.source != later.source


def test_a_code_that_nobody_has_a_row_for_has_no_meaning() -> None:
    assert find_meaning("tiktok", "99999") is None


@pytest.mark.parametrize(
    ("platform", "code", "is_so"),
    [
        ("tiktok", "40100", True),
        ("meta", "613_1487742", True),
        ("google", "RESOURCE_EXHAUSTED", True),
        ("google", "http_429", True),
        ("meta", "190", False),
        ("google", "read_timeout", False),
    ],
)
def test_a_throttle_is_known_by_its_code(platform: str, code: str, is_so: bool) -> None:
    assert is_throttle(platform, code) is is_so
