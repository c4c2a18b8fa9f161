"""An ASGI app served from a thread, on loopback, with a clean stop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestration.sandbox.plumbing import ABORT, abort_connection

START_SECONDS = 10
STOP_SECONDS = 10


class PortTaken(Exception):
    """Something listens on the port already; the message names it."""

    is_refusal = True


class TearableProtocol(H11Protocol):
    """HTTP/1.1 whose requests can tear their own connection: the fault ``reset``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Give each request of this connection the means to abort it."""
        super().connection_made(transport)
        app = self.app

        async def with_abort(scope: Any, receive: Any, send: Any) -> None:
            scope[ABORT] = lambda: abort_connection(transport)
            await app(scope, receive, send)

        self.app = with_abort


class _Server(uvicorn.Server):
    """A server that says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@contextmanager
def serving(app: Starlette, port: int) -> Generator[str]:
    """Serve ``app`` on 127.0.0.1 (port 0: any free one) and yield its base URL.

    Raises:
        PortTaken: Something listens there already.
        TimeoutError: The server did not come up.
    """
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise PortTaken(f"port {port} of 127.0.0.1 is taken; stop what listens there") from error
    config = uvicorn.Config(
        app,
        http=TearableProtocol,
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        # A request held by the fault "timeout" must not hold up the stop.
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name=f"sandbox-{port}")
    thread.start()
    try:
        if not server.is_up.wait(START_SECONDS):
            raise TimeoutError("a sandbox server did not come up")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
        listener.close()
