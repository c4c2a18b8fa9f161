"""What is too large, too slow, ambiguous or unreadable is refused with its status, and costs little."""

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from orchestration.intake.limits import Limits

KIB = 1024
CRM = "/integrations/crm/conversions"


@contextmanager
def _connected(client: httpx.Client) -> Iterator[socket.socket]:
    address = urlsplit(str(client.base_url))
    with socket.create_connection((address.hostname, address.port), timeout=8) as connection:
        yield connection


def _read_to_the_end(connection: socket.socket) -> bytes:
    """All that comes until the other side closes; the time-out fails a test that waits in vain."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def _send(client: httpx.Client, raw: bytes) -> bytes:
    with _connected(client) as connection:
        connection.sendall(raw)
        return _read_to_the_end(connection)


def _head(*lines: str, path: str = CRM) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def test_a_body_over_the_limit_is_refused_while_it_streams(sender: Any, rows: Any) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(10):
            yield b" " * 64 * KIB

    answer = sender.client.post(CRM, content=chunks(), headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"
    assert rows.count("raw.quarantine") == 0


def test_each_sender_has_a_limit_of_its_own(sender: Any) -> None:
    assert sender.post_signed(b" " * (256 * KIB + 1)).status_code == 413
    assert sender.post_form(content=b" " * (256 * KIB + 1)).status_code == 413
    assert sender.post_whatsapp(b" " * (3 * KIB * KIB + 1)).status_code == 413
    # At the limit a body is read, and proven; only then it turns out to be no JSON.
    assert sender.post_signed(b" " * (256 * KIB)).status_code == 400
    assert sender.post_whatsapp(b" " * (3 * KIB * KIB)).status_code == 200


def test_who_asks_first_is_told_before_sending(client: httpx.Client) -> None:
    answer = _send(client, _head("Content-Length: 10000000", "Expect: 100-continue"))

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_slow_body_is_refused_and_closed(client: httpx.Client) -> None:
    answer = _send(client, _head("Content-Length: 100") + b"{")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"slow_body" in answer


def test_an_unfinished_head_is_closed(client: httpx.Client) -> None:
    unfinished = (b"", b"POST ", _head("X: y")[:-2])

    with ThreadPoolExecutor() as threads:
        assert list(threads.map(partial(_send, client), unfinished)) == [b""] * 3


def test_a_head_that_drips_does_not_buy_time(client: httpx.Client) -> None:
    with _connected(client) as connection:
        connection.settimeout(0.2)
        received = None
        for _ in range(20):
            connection.sendall(b"x")
            try:
                received = connection.recv(1)
            except TimeoutError:
                continue
            break
    assert received == b""


def test_an_unfinished_head_after_a_request_is_closed_too(client: httpx.Client) -> None:
    with _connected(client) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /hea")
        connection.sendall(b"lth HTTP/1.1\r\n")
        received = _read_to_the_end(connection)

    assert received.count(b"HTTP/1.1 200 OK") == 1


NOT_HTTP = {
    "CL and TE": (_head("Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "two lengths": (_head("Content-Length: 3", "Content-Length: 4") + b"{}", 400),
    "negative length": (_head("Content-Length: -3"), 400),
    "endless length": (_head("Content-Length: " + "9" * 30), 400),
    "other transfer encoding": (_head("Transfer-Encoding: gzip, chunked"), 501),
    "many lines": (_head(*["X: y"] * 65, "Content-Length: 0"), 431),
    "long line": (_head("X: " + "y" * 20_000, "Content-Length: 0"), 431),
    "endless line": (b"X" * 200_000, 431),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "space in a name": (_head("Bad Header: x"), 400),
    "broken chunk": (_head("Transfer-Encoding: chunked") + b"zz\r\n", 400),
}


def test_what_is_not_http_as_we_read_it_is_refused_and_closed(
    client: httpx.Client, subtests: pytest.Subtests
) -> None:
    for name, (raw, status) in NOT_HTTP.items():
        with subtests.test(name):
            head, _, body = _send(client, raw).partition(b"\r\n\r\n")

            assert head.startswith(f"HTTP/1.1 {status} ".encode())
            assert b"connection: close" in head.lower()
            assert json.loads(body)["status"] == status
            assert client.get("/health").status_code == 200


def test_nothing_is_taken_compressed(sender: Any, rows: Any) -> None:
    body = gzip.compress(json.dumps(sender.conversion()).encode())

    answer = sender.post_signed(body, headers={"content-encoding": "gzip"})

    assert (answer.status_code, answer.json()["code"]) == (415, "content_encoding")
    assert rows("select body from raw.quarantine") == [body]
    kept = sender.post_form(content=body, headers={"content-encoding": "gzip"})
    assert (kept.status_code, kept.json()["code"]) == (200, "content_encoding")


UNUSABLE = {
    "nothing": (b"", 400, "not_json"),
    "not UTF-8": (b"\xff", 400, "not_utf8"),
    "NaN": (b'{"a": NaN}', 400, "not_a_number"),
    "NUL": (b'{"a": "\\u0000"}', 400, "unstorable_text"),
    "lone surrogate": (b'{"a": "\\ud800"}', 400, "unstorable_text"),
    "key twice": (b'{"a": 1, "a": 2}', 400, "duplicate_key"),
    "depth": (b"[" * 1000 + b"]" * 1000, 400, "too_deep"),
    "empty array": (b"[]", 422, "off_schema"),
    "101 events": (b"[" + b"{}," * 100 + b"{}]", 413, "too_many_events"),
}


def test_a_signed_body_that_is_unusable_is_refused_and_kept_whole_once(
    sender: Any, rows: Any, subtests: pytest.Subtests
) -> None:
    for name, (body, status, code) in UNUSABLE.items():
        with subtests.test(name):
            answers = [sender.post_signed(body) for _ in range(2)]

            assert [(a.status_code, a.json()["code"]) for a in answers] == [(status, code)] * 2
            kept = rows("select source, reason from raw.quarantine where body = %s", body)
            assert kept == [("crm", code)]
    assert rows.count("raw.events") == 0


def test_a_media_type_that_is_not_json_is_refused_and_kept(sender: Any, rows: Any) -> None:
    answer = sender.post_signed(sender.conversion(), headers={"content-type": "text/xml"})

    assert (answer.status_code, answer.json()["code"]) == (415, "media_type")
    assert rows("select reason from raw.quarantine") == ["media_type"]


def test_what_a_browser_or_a_provider_sends_wrongly_is_thanked_and_kept(
    sender: Any, rows: Any
) -> None:
    answers = [
        sender.post_form(content=b"{", headers={"content-type": "application/json"}),
        sender.post_form(
            content=b"a=%00", headers={"content-type": "application/x-www-form-urlencoded"}
        ),
        sender.post_form(content=b"<a/>", headers={"content-type": "text/xml"}),
        sender.post_form(json={"name": "x", "_gotcha": "spam"}),
        sender.post_whatsapp(b"{"),
        sender.post_whatsapp({"object": "page"}),
    ]

    assert [answer.status_code for answer in answers] == [200] * 6
    assert {answer.json()["status"] for answer in answers} == {"set_aside"}
    assert rows("select reason from raw.quarantine order by reason") == [
        "honeypot",
        "media_type",
        "not_json",
        "not_json",
        "not_whatsapp",
        "unstorable_text",
    ]


def test_an_address_or_a_method_that_is_not_there_is_said_so(client: httpx.Client) -> None:
    answers = [client.get("/nowhere"), client.get(CRM), client.delete("/health")]

    assert [answer.status_code for answer in answers] == [404, 405, 405]
    assert answers[1].headers["allow"] == "POST"
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}


def test_more_connections_than_allowed_are_sent_away(
    serve: Callable[..., httpx.Client],
) -> None:
    client = serve(Limits(connections=3))
    with _connected(client), _connected(client), _connected(client) as third:
        third.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert _read_to_the_end(third).startswith(b"HTTP/1.1 503 ")


def test_no_log_line_holds_what_was_sent(sender: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "leadloop.intake"):
        sender.post_signed(sender.conversion(identifiers={"email": "gizli@example.com"}))
        sender.post_signed(sender.conversion(crm_record_id="gizli kayıt"))
        sender.post_form(json={"name": "gizli"})
        sender.client.get("/webhooks/whatsapp", params={"hub.verify_token": "gizli"})

        # A line is written after its answer has left.
        while len(caplog.records) < 4:
            sender.client.get("/health")
    lines = [str(record.__dict__) for record in caplog.records]
    assert not any("gizli" in line or sender.tenant.form_key in line for line in lines)
