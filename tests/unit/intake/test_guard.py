"""What every request passes, whatever its route."""

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from orchestration.intake.guard import Guard
from orchestration.intake.problems import Forbidden


def _pass(
    app: Any, headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[int, dict[str, str], Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/forms/the-key",
        "raw_path": b"/webhooks/forms/the-key",
        "query_string": b"",
        "headers": headers or [],
    }
    asyncio.run(Guard(app, lambda: "r1")(scope, receive, send))
    if not sent:
        return 0, {}, None
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, json.loads(sent[1]["body"])


async def _accept(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def _raising(error: Exception) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    return app


def test_every_answer_carries_the_request_id() -> None:
    status, headers, _ = _pass(_accept)

    assert (status, headers["x-request-id"]) == (200, "r1")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        pytest.param([(b"x", b"y")] * 65, 431, "head_too_large", id="many lines"),
        pytest.param([(b"x", b"y" * 17_000)], 431, "head_too_large", id="long line"),
        pytest.param(
            [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")],
            400,
            "ambiguous_length",
            id="two lengths",
        ),
    ],
)
def test_an_unsound_head_is_refused_and_the_connection_closed(
    headers: list[tuple[bytes, bytes]], status: int, code: str
) -> None:
    answered, answer_headers, problem = _pass(_accept, headers)

    assert (answered, problem["code"]) == (status, code)
    assert answer_headers["connection"] == "close"


def test_a_refusal_becomes_a_problem_document() -> None:
    status, headers, problem = _pass(_raising(Forbidden("origin_refused", "Not from there.")))

    assert status == 403
    assert headers["content-type"] == "application/problem+json"
    assert problem == {
        "title": "Forbidden",
        "status": 403,
        "code": "origin_refused",
        "detail": "Not from there.",
        "request_id": "r1",
    }


def test_a_bug_is_answered_and_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    status, _, problem = _pass(_raising(KeyError("ayse@example.com")))

    assert (status, problem["code"]) == (500, "internal_error")
    assert "ayse" not in json.dumps(problem)
    assert [record.msg for record in caplog.records] == ["bug", "request"]


def test_nobody_is_answered_when_nobody_is_there() -> None:
    assert _pass(_raising(ClientDisconnect())) == (0, {}, None)


def test_the_log_line_does_not_hold_the_forms_key(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "leadloop.intake"):
        _pass(_accept)

    (record,) = caplog.records
    assert "the-key" not in str(record.__dict__)
