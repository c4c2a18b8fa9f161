"""Answers have limits, and an error's text is a code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.vendors import answers
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    Unauthorized,
    Unclear,
    Unreachable,
    VendorError,
)

URL = "https://platform.example/events"


def post(handler: Callable[[httpx.Request], httpx.Response]) -> answers.Answer:
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        return answers.post(http, URL, body=b"{}", headers={})


def test_answer_carries_status_body_and_wait() -> None:
    answer = post(lambda _: httpx.Response(400, json={"a": 1}, headers={"Retry-After": "7"}))
    assert (answer.status, answer.body, answer.retry_after) == (400, {"a": 1}, timedelta(seconds=7))


def test_answer_longer_than_the_limit_is_dropped() -> None:
    long = b'"' + b"x" * answers.MAX_ANSWER_BYTES + b'"'
    with pytest.raises(Unclear, match="answer_too_large"):
        post(lambda _: httpx.Response(200, content=long))


def test_answer_that_never_ends_is_dropped() -> None:
    with pytest.raises(Unclear, match="answer_too_slow"):
        answers.read_bounded(iter([b"x"]), ends_at=0.0)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1]", b'"a"', b"\xff"])
def test_success_that_is_no_object_is_unclear(content: bytes) -> None:
    with pytest.raises(Unclear, match="unreadable_answer"):
        post(lambda _: httpx.Response(200, content=content))


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (302, Unclear),
        (400, RequestRefused),
        (401, Unauthorized),
        (403, RouteBlocked),
        (404, RouteBlocked),
        (413, RequestRefused),
        (429, Throttled),
        (500, Unclear),
        (502, Unclear),
    ],
)
def test_status_without_a_readable_body(status: int, family: type[VendorError]) -> None:
    with pytest.raises(VendorError, match=f"^http_{status}$") as failure:
        post(lambda _: httpx.Response(status, content=b"<html>", headers={"Location": URL}))
    assert type(failure.value) is family


@pytest.mark.parametrize(
    ("error", "family", "code"),
    [
        (httpx.ConnectError("jane@example.com"), Unreachable, "connect_error"),
        (httpx.ConnectTimeout(""), Unreachable, "connect_timeout"),
        (httpx.ReadTimeout(""), Unclear, "read_timeout"),
        (httpx.WriteError(""), Unclear, "write_error"),
        (httpx.RemoteProtocolError(""), Unclear, "remote_protocol_error"),
    ],
)
def test_only_a_connection_that_was_never_made_took_nothing(
    error: httpx.TransportError, family: type[VendorError], code: str
) -> None:
    def fail(_request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(VendorError) as failure:
        post(fail)
    assert (type(failure.value), str(failure.value)) == (family, code)


@given(text=st.text(max_size=30))
def test_any_retry_after_is_a_bounded_wait_or_none(text: str) -> None:
    wait = answers.read_retry_after({"retry-after": text})
    assert wait is None or timedelta(0) <= wait <= answers.MAX_RETRY_AFTER
