"""The Data Manager API under our limits: no redirect is followed and no endless answer is read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from orchestration.vendors.answers import MAX_ANSWER_BYTES
from orchestration.vendors.datamanager import SCOPE, DataManager, read_error
from orchestration.vendors.errors import Unauthorized, Unclear, Unreachable, VendorError
from orchestration.vendors.google_oauth import read_credentials

BODY = b'{"destinations":[{"productDestinationId":"1"}],"events":[{}]}'


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Generator[tuple[str, list[str]]]:
    """A server that answers every POST and GET in one way, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ingest(url: str) -> None:
    client = DataManager(url, read_credentials({"access_token": "t"}, url, SCOPE))
    with closing(client):
        client.ingest(BODY)


def test_redirect_is_not_followed() -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with serving(redirect) as (url, asked), pytest.raises(VendorError):
        ingest(url)
    assert len(asked) == 1


def test_answer_longer_than_the_limit_is_dropped() -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(4 * MAX_ANSWER_BYTES))
        handler.end_headers()
        try:
            handler.wfile.write(b" " * 4 * MAX_ANSWER_BYTES)
        except OSError:
            return

    with serving(flood) as (url, _), pytest.raises(Unclear, match="answer_too_large"):
        ingest(url)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1]"])
def test_success_that_cannot_be_read_is_unclear(content: bytes) -> None:
    def mumble(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    with serving(mumble) as (url, _), pytest.raises(Unclear):
        ingest(url)


def test_answer_that_breaks_off_is_unclear() -> None:
    def break_off(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b'{"requestId":')

    with serving(break_off) as (url, _), pytest.raises(Unclear, match="remote_protocol_error"):
        ingest(url)


def speak(handler: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


REFRESHING = {"client_id": "c", "client_secret": "s", "refresh_token": "r"}


def test_token_that_ended_before_its_time_is_replaced_once() -> None:
    seen: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/token":
            token = f"t{len(seen)}"
            speak(handler, 200, f'{{"access_token":"{token}","expires_in":3600}}'.encode())
            return
        seen.append(handler.headers["Authorization"])
        if len(seen) == 1:
            speak(handler, 401, b'{"error":{"code":401}}')
        else:
            speak(handler, 200, b'{"requestId":"R"}')

    with serving(answer) as (url, _):
        client = DataManager(url, read_credentials(REFRESHING, f"{url}/token", SCOPE))
        with closing(client):
            assert client.ingest(BODY).body == {"request_id": "R"}
    assert seen == ["Bearer t0", "Bearer t1"]


def test_token_that_stays_refused_is_not_asked_for_ever() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/token":
            speak(handler, 200, b'{"access_token":"t","expires_in":3600}')
        else:
            speak(handler, 401, b'{"error":{"code":401}}')

    with serving(answer) as (url, asked):
        client = DataManager(url, read_credentials(REFRESHING, f"{url}/token", SCOPE))
        with closing(client):
            error = read_error(client.ingest(BODY))
    assert type(error) is Unauthorized
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("status", "content", "family", "code"),
    [
        (400, b'{"error":"invalid_grant"}', Unauthorized, "credential_refused"),
        (400, b" " * (MAX_ANSWER_BYTES + 1), Unreachable, "token_endpoint_unreachable"),
    ],
    ids=["revoked", "endless"],
)
def test_token_endpoint_that_gives_none(
    status: int, content: bytes, family: type[VendorError], code: str
) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        try:
            speak(handler, status, content)
        except OSError:
            return

    with serving(answer) as (url, asked):
        client = DataManager(url, read_credentials(REFRESHING, f"{url}/token", SCOPE))
        with closing(client), pytest.raises(VendorError) as failure:
            client.ingest(BODY)
    assert (type(failure.value), failure.value.code) == (family, code)
    assert asked == ["/token"]


@pytest.mark.parametrize("content", [b"{}", b'{"requestStatusPerDestination":[{"errorInfo":7}]}'])
def test_status_that_cannot_be_read_is_unclear(content: bytes) -> None:
    with serving(lambda handler: speak(handler, 200, content)) as (url, asked):
        client = DataManager(url, read_credentials({"access_token": "t"}, url, SCOPE))
        with closing(client), pytest.raises(Unclear, match="unreadable_answer"):
            client.retrieve("R1")
    assert asked == ["/v1/requestStatus:retrieve?requestId=R1"]
