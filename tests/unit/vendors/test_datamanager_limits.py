"""Google's own transport under our limits: it follows no redirect and reads no endless answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from orchestration.vendors.answers import MAX_ANSWER_BYTES
from orchestration.vendors.datamanager import SCOPE, DataManager, encode
from orchestration.vendors.errors import Unclear, VendorError
from orchestration.vendors.google_oauth import read_credentials

BODY = encode({"destinations": [{"productDestinationId": "1"}], "events": [{}]})


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[str]]]:
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

    with serving(break_off) as (url, _), pytest.raises(Unclear, match="connection_lost"):
        ingest(url)
