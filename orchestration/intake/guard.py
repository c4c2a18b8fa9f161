"""Guard: what every request passes before the routes, and what it leaves behind.

Here a request gets its id, is refused when its framing is ambiguous or its head too large, and leaves one log line.
An exception that nobody expected ends here as well: the server behind us would print it, values and all.

Belongs here: what does not depend on the route. Lives elsewhere: deadlines and sizes of unfinished heads (``server``).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from orchestration.intake.limits import HEAD_BYTES, HEADER_LINES
from orchestration.intake.problems import (
    MEDIA_TYPE,
    BadFraming,
    Bug,
    HeadTooLarge,
    Refusal,
    render,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("leadloop.intake")
_OUTSIDE_ROUTES = "none"


@dataclass
class Trace:
    """What is known of a request so far: for the log, and for the answer's headers."""

    request_id: str
    tenant_id: UUID | None = None
    key_id: str | None = None
    events: int | None = None
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


class Guard:
    """ASGI middleware; the outermost of ours."""

    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        trace = Trace(self._new_id())
        scope.setdefault("state", {})["trace"] = trace
        status = 0

        async def send_traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = {"X-Request-Id": trace.request_id, **trace.headers}
                message["headers"] = [
                    *message.get("headers", []),
                    *((name.lower().encode(), value.encode()) for name, value in extra.items()),
                ]
            await send(message)

        try:
            _require_sound_head(scope)
            await self._app(scope, receive, send_traced)
        except Refusal as problem:
            await _answer(problem, trace, send_traced)
        except ClientDisconnect:
            trace.code = "client_gone"
        except Exception:  # noqa: BLE001 - answered, and logged by its type and place
            # The last line: whatever it is, its text must not reach the server's own log.
            _log.exception("bug", extra={"request_id": trace.request_id})
            if status == 0:
                bug = Bug("internal_error", "The mistake is ours; send the same again later.")
                await _answer(bug, trace, send_traced)
        _leave_line(scope, trace, status, time.perf_counter() - began)


def _require_sound_head(scope: Scope) -> None:
    headers = scope["headers"]
    size = len(scope["raw_path"]) + sum(len(name) + len(value) + 4 for name, value in headers)
    if len(headers) > HEADER_LINES or size + len(scope["query_string"]) > HEAD_BYTES:
        raise HeadTooLarge(
            "head_too_large", f"Over {HEADER_LINES} headers, or over {HEAD_BYTES} bytes of them."
        )
    names = [name for name, _ in headers]
    if b"content-length" in names and b"transfer-encoding" in names:
        raise BadFraming("ambiguous_length", "Send Content-Length or Transfer-Encoding, not both.")


async def _answer(problem: Refusal, trace: Trace, send: Send) -> None:
    trace.code = problem.code
    body = render(problem, trace.request_id)
    headers = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), **problem.headers()}
    await send(
        {
            "type": "http.response.start",
            "status": int(problem.status),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _leave_line(scope: Scope, trace: Trace, status: int, seconds: float) -> None:
    route = scope.get("route")
    _log.log(
        logging.WARNING if status >= 400 or trace.code else logging.INFO,
        "request",
        extra={
            "request_id": trace.request_id,
            "method": scope["method"],
            # The route's template: a path may hold a key.
            "route": getattr(route, "path", _OUTSIDE_ROUTES),
            "status": status,
            "code": trace.code,
            "tenant_id": trace.tenant_id,
            "key_id": trace.key_id,
            "events": trace.events,
            "milliseconds": round(seconds * 1000, 1),
        },
    )
