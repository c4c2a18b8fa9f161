"""Receiving: a body in full, or a refusal, within a time and a size.

The size is counted while the body streams, whatever its length header says. Of a body that is too large a little
more is read and thrown away, because a client that is still sending when the connection closes never sees why.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from orchestration.intake.limits import KIB
from orchestration.intake.problems import TooLarge, TooSlow, Unsupported

if TYPE_CHECKING:
    from starlette.requests import Request

_DISCARD_BYTES = 16 * KIB * KIB


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """Read the whole body.

    Args:
        request: Nothing of its body has been read.
        limit: Bytes.
        seconds: In total, not idle.

    Raises:
        TooLarge: More than ``limit``, announced or sent.
        TooSlow: Not complete in time.
        ClientDisconnect: Nobody is there any more.
    """
    announced = _announced_length(request)
    if announced > limit and "expect" in request.headers:
        # The client waits for a go-ahead before it sends: it gets its answer instead.
        raise _too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            return await _collect(request, limit, announced)
    except TimeoutError:
        raise TooSlow("slow_body", "The body did not arrive in time.") from None


def require_plain_encoding(request: Request) -> None:
    """Refuse compressed bodies: what is signed and stored is what came.

    Raises:
        Unsupported: Any content encoding but identity.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Unsupported("content_encoding", "Send the body without a content encoding.")


def media_type(request: Request) -> str:
    """The content type in lower case, without parameters; empty when there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _collect(request: Request, limit: int, announced: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if max(size, announced) <= limit:
            chunks.append(chunk)
        elif size > limit + _DISCARD_BYTES:
            break
    if max(size, announced) > limit:
        raise _too_large(limit)
    return b"".join(chunks)


def _announced_length(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def _too_large(limit: int) -> TooLarge:
    return TooLarge("body_too_large", f"The body is over {limit} bytes.")
