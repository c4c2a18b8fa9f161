"""What every HTTP stand-in shares: taking a request, acting out a fault, answering.

Belongs here: nothing that knows a platform. A platform hands over two functions for each operation: ``answer``
(what the real one does) and ``refuse`` (how it words a given fault).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from orchestration.sandbox.faults import Fault, FaultBoard
from orchestration.sandbox.tally import Tally
from orchestration.sandbox.world import World, load_world

BELOW_THE_PLATFORM = frozenset(
    {"timeout", "reset", "slow", "redirect", "200_html", "truncated", "huge"}
)
HUGE_BYTES = 6 * 1024 * 1024
ELSEWHERE = "/_sandbox/elsewhere"  # where redirects lead; no exporter should ever come here
ABORT = "leadloop.abort"  # the key under which the server puts its connection's abort function


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid4().hex


@dataclass
class Surroundings:
    """What all stand-ins share: the world's facts, the tally, the waiting faults, the clock and the ids.

    ``ads_page_size`` is how many rows Google Ads gives per page; the caller cannot choose it (DOC G6: 10,000).
    ``scenarios`` names the ones that are played.
    """

    world: World = field(default_factory=load_world)
    tally: Tally = field(default_factory=Tally)
    faults: FaultBoard = field(default_factory=FaultBoard)
    now: Callable[[], datetime] = _utc_now
    new_id: Callable[[], str] = _new_id
    ads_page_size: int = 10_000
    on_reset: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    on_stop: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    scenarios: list[str] = field(default_factory=list[str])

    def strike(
        self,
        platform: str,
        operation: str,
        body: bytes = b"",
        read_ids: Callable[[], Sequence[str]] = tuple,
    ) -> Fault | None:
        """Count a request, and return the fault that it is to meet."""
        accepted = self.tally.count_accepted(platform)
        fault = self.faults.take(platform, operation, body, accepted=accepted, read_ids=read_ids)
        self.tally.note_request(platform, operation, self.now(), fault)
        return fault


@dataclass(frozen=True)
class Operation:
    """One thing a platform does.

    Args:
        platform: The name it is counted under.
        name: The operation's name in counts and faults.
        answer: What the platform answers to a request and its body.
        refuse: How the platform words a fault.
        read_ids: The event ids of a body, for faults that pick events.
    """

    platform: str
    name: str
    answer: Callable[[Request, bytes], Response]
    refuse: Callable[[Request, Fault, bytes], Response]
    read_ids: Callable[[Request, bytes], Sequence[str]] = lambda _request, _body: ()


def route(path: str, method: str, operation: Operation, around: Surroundings) -> Route:
    """Serve ``operation`` at ``path``, with counting and faults."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        # Form bodies are percent-encoded; ids are hexadecimal digits, which no encoding touches.
        fault = around.strike(
            operation.platform, operation.name, body, lambda: operation.read_ids(request, body)
        )
        if fault is None:
            return operation.answer(request, body)
        if fault.kind not in BELOW_THE_PLATFORM:
            return operation.refuse(request, fault, body)
        answer = operation.answer(request, body) if fault.is_after else Response(b"{}")
        return await _mangle(request, fault, answer)

    return Route(path, endpoint, methods=[method])


async def _mangle(request: Request, fault: Fault, answer: Response) -> Response:
    """What becomes of an answer on its way: lost, late, sent elsewhere, cut, or buried."""
    match fault.kind:
        case "redirect":
            place = str(request.url.replace(path=f"{ELSEWHERE}/{fault.platform}", query=""))
            return Response(status_code=307, headers={"Location": place})
        case "200_html":
            return HTMLResponse("<html><body>Please sign in to the network.</body></html>")
        case "truncated":
            whole = bytes(answer.body) if fault.is_after else b'{"request_id": "cut off"}'
            return Response(whole[: len(whole) // 2], media_type="application/json")
        case "huge":
            inner = bytes(answer.body).strip().removeprefix(b"{")
            padding = b'{"padding": "' + b"x" * HUGE_BYTES + b'"'
            whole = padding + (b"}" if inner == b"}" else b"," + inner)
            return Response(whole, answer.status_code, media_type="application/json")
        case "slow":
            await asyncio.sleep(fault.hold_seconds)
            return answer
        case _:
            return await _lose_connection(request, fault)


async def _lose_connection(request: Request, fault: Fault) -> Response:
    if fault.kind == "reset":
        request.scope[ABORT]()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(fault.hold_seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    return Response(status_code=504)


def abort_connection(transport: asyncio.Transport) -> None:
    """Tear a connection so that the other side sees a reset, not an orderly end."""
    peer: socket.socket | None = transport.get_extra_info("socket")
    if peer is not None:
        # Lingering for zero seconds makes the kernel send RST instead of FIN.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
