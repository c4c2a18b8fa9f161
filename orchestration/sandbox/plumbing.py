"""What every HTTP stand-in shares: taking a request, acting out a fault, answering, and the control routes.

Belongs here: nothing that knows a platform. A platform hands over two functions for each operation: ``answer``
(what the real one does) and ``refuse`` (how it words a given fault).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestration.sandbox.faults import Fault, FaultBoard
from orchestration.sandbox.tally import PLATFORMS, Tally
from orchestration.sandbox.world import World, load_world

ABORT = "leadloop.abort"  # the key under which the server puts its connection's abort function


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid4().hex


@dataclass
class Surroundings:
    """What all stand-ins share: the world's facts, the tally, the waiting faults, the clock and the ids.

    ``ads_page_size`` is how many rows Google Ads gives per page; the caller cannot choose it (DOC G6: 10,000).
    """

    world: World = field(default_factory=load_world)
    tally: Tally = field(default_factory=Tally)
    faults: FaultBoard = field(default_factory=FaultBoard)
    now: Callable[[], datetime] = _utc_now
    new_id: Callable[[], str] = _new_id
    ads_page_size: int = 10_000
    on_reset: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])


@dataclass(frozen=True)
class Operation:
    """One thing a platform does.

    Args:
        platform: The name it is counted under.
        name: The operation's name in counts and faults.
        answer: What the platform answers to a request and its body.
        refuse: How the platform words a fault.
    """

    platform: str
    name: str
    answer: Callable[[Request, bytes], Response]
    refuse: Callable[[Request, Fault, bytes], Response]


def route(path: str, method: str, operation: Operation, around: Surroundings) -> Route:
    """Serve ``operation`` at ``path``, with counting and faults."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        around.tally.note_request(operation.platform, operation.name)
        # Form bodies are percent-encoded; ids are hexadecimal digits, which no encoding touches.
        fault = around.faults.take(operation.platform, operation.name, body)
        if fault is None or fault.is_after:
            response = operation.answer(request, body)
            return response if fault is None else await _lose_connection(request, fault)
        if fault.fault in {"timeout", "reset"}:
            return await _lose_connection(request, fault)
        return operation.refuse(request, fault, body)

    return Route(path, endpoint, methods=[method])


async def _lose_connection(request: Request, fault: Fault) -> Response:
    if fault.fault.startswith("reset"):
        request.scope[ABORT]()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(fault.hold_seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    return Response(status_code=504)


def control_routes(around: Surroundings) -> list[Route]:
    """The routes under ``/_sandbox``: arm faults, read counts and ids, start over."""

    async def arm_fault(request: Request) -> Response:
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"errors": error.errors(include_input=False)}, 422)
        if fault.platform not in PLATFORMS:
            return JSONResponse({"errors": [f"platform is one of {', '.join(PLATFORMS)}"]}, 422)
        around.faults.arm(fault)
        return JSONResponse(fault.model_dump(), 201)

    def counts(_request: Request) -> Response:
        return JSONResponse(around.tally.counts())

    def events(_request: Request) -> Response:
        return JSONResponse(around.tally.events())

    def reset(_request: Request) -> Response:
        around.tally.reset()
        around.faults.clear()
        for forget in around.on_reset:
            forget()
        return Response(status_code=204)

    return [
        Route("/_sandbox/faults", arm_fault, methods=["POST"]),
        Route("/_sandbox/counts", counts, methods=["GET"]),
        Route("/_sandbox/events", events, methods=["GET"]),
        Route("/_sandbox/reset", reset, methods=["POST"]),
    ]


def build_app(
    around: Surroundings,
    routes: list[Route],
    unknown_path: Callable[[Request, Exception], Awaitable[Response]],
) -> Starlette:
    """Put a platform's routes and the control routes together."""
    app = Starlette(
        routes=[*routes, *control_routes(around)],
        exception_handlers={404: unknown_path, 405: unknown_path},
    )
    # TikTok's trailing slash matters (DOC Ttrack), so no path is bent to fit.
    app.router.redirect_slashes = False
    return app


def abort_connection(transport: asyncio.Transport) -> None:
    """Tear a connection so that the other side sees a reset, not an orderly end."""
    peer: socket.socket | None = transport.get_extra_info("socket")
    if peer is not None:
        # Lingering for zero seconds makes the kernel send RST instead of FIN.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
