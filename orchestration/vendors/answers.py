"""One bounded request and its answer: time, size and redirects have limits, whoever is on the other side.

Belongs here: what every client does alike over httpx. Lives elsewhere: what an answer means (each client's table of
codes), and the Google client's transport (``datamanager.py``), which is Google's own.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    Unauthorized,
    Unclear,
    Unreachable,
    VendorError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_ANSWER_BYTES = 5 * 1024 * 1024
# The total is looked at after each piece, so a request may take its parts together: a minute. A sender's lease is
# twice that.
TOTAL_SECONDS = 30.0
CONNECT_SECONDS = 5.0
WRITE_SECONDS = 10.0
READ_SECONDS = 15.0
# A vendor that asks for more is asked again after this, which costs one request.
MAX_RETRY_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status.
        body: The decoded JSON object.
        retry_after: How long the vendor asks us to wait.
        headers: By name, in lower case.
    """

    status: int
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    retry_after: timedelta | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def open_http() -> httpx.Client:
    """A client with our limits: no redirects, short timeouts."""
    return httpx.Client(
        follow_redirects=False,
        timeout=httpx.Timeout(
            READ_SECONDS, connect=CONNECT_SECONDS, write=WRITE_SECONDS, pool=CONNECT_SECONDS
        ),
    )


def post(
    http: httpx.Client,
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None = None,
) -> Answer:
    """POST exact bytes and read a JSON object; arguments and errors as ``request`` has them."""
    return request(http, "POST", url, body=body, headers=headers, params=params)


def get(
    http: httpx.Client, url: str, *, headers: Mapping[str, str], params: Mapping[str, str]
) -> Answer:
    """GET and read a JSON object; arguments and errors as ``request`` has them."""
    return request(http, "GET", url, body=None, headers=headers, params=params)


def request(
    http: httpx.Client,
    method: str,
    url: str,
    *,
    body: bytes | None,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None,
) -> Answer:
    """Send a request and read a JSON object.

    Args:
        http: A client from ``open_http``.
        method: The HTTP method.
        url: Where to.
        body: The exact bytes to send, if any.
        headers: Content type and credentials.
        params: The query, never with a secret: proxies and access logs keep it.

    Raises:
        Unreachable: The connection was never made.
        Unclear: The connection broke, took too long, or the answer is not a JSON object.
        Throttled: HTTP 429 with a body that says no more.
    """
    ends_at = time.monotonic() + TOTAL_SECONDS
    try:
        with http.stream(
            method, url, content=body, headers=dict(headers), params=params
        ) as response:
            content = read_bounded(response.iter_bytes(), ends_at)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Unreachable(_code_of(error)) from None
    except httpx.TransportError as error:
        raise Unclear(_code_of(error)) from None
    return Answer(
        status=response.status_code,
        body=_decode(response.status_code, content, response.headers),
        retry_after=read_retry_after(response.headers),
        headers=dict(response.headers),
    )


def read_bounded(chunks: Iterable[bytes], ends_at: float) -> bytes:
    """Read an answer within its size and its time.

    Args:
        chunks: The decoded body, piece by piece.
        ends_at: The latest moment, on the monotonic clock.

    Raises:
        Unclear: It is too long, or takes too long.
    """
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise Unclear("answer_too_large")
        if time.monotonic() > ends_at:
            raise Unclear("answer_too_slow")
    return bytes(content)


def read_retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The seconds of a ``Retry-After`` header, capped; None for none and for the date form."""
    seconds = headers.get("retry-after", "").strip()
    if not (seconds.isascii() and seconds.isdigit()):
        return None
    return min(timedelta(seconds=min(int(seconds), 86_400)), MAX_RETRY_AFTER)


def error_of_status(status: int, retry_after: timedelta | None = None) -> VendorError:
    """What an HTTP status alone means, for an answer whose body says nothing we know."""
    code = f"http_{status}"
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(code, retry_after=retry_after)
        case HTTPStatus.UNAUTHORIZED:
            return Unauthorized(code)
        case HTTPStatus.FORBIDDEN | HTTPStatus.NOT_FOUND:
            return RouteBlocked(code)
        case _ if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return RequestRefused(code)
        case _:
            return Unclear(code, retry_after=retry_after)


def _decode(status: int, content: bytes, headers: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        decoded: object = json.loads(content)
    except ValueError:
        decoded = None
    if isinstance(decoded, dict):
        return {str(key): value for key, value in decoded.items()}
    if status == HTTPStatus.OK:
        raise Unclear("unreadable_answer")
    raise error_of_status(status, read_retry_after(headers))


def _code_of(error: httpx.TransportError) -> str:
    # Class names are a closed set; messages hold addresses and, for some, what was sent.
    name = type(error).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
