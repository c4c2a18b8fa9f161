"""Server: uvicorn, made to keep deadlines.

uvicorn waits for ever for the rest of a request head, and h11 takes a head of any size that arrives in one piece.
Here an unfinished head is closed after its time, a head that cannot be read gets a problem document, and SIGTERM
lets the requests under way finish.

Belongs here: sockets and processes. Lives elsewhere: bodies (``receiving``), complete heads (``guard``).
"""

from __future__ import annotations

import gc
import json
import logging
import socket
import sys
import threading
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestration.intake.app import create_app
from orchestration.intake.keys import load_ring
from orchestration.intake.limits import HEAD_BYTES, Limits
from orchestration.intake.logbook import open_logbook
from orchestration.intake.problems import MEDIA_TYPE
from orchestration.intake.startup import StartRefused, require_readable_keys, require_sound_server
from orchestration.warehouse import Warehouse
from orchestration.warehouse.secrets import Vault

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator

    from fastapi import FastAPI

    from orchestration.settings import Settings

_START_SECONDS = 30.0
_DISCARD_SECONDS = 1.0
_log = logging.getLogger("leadloop.intake")


def serve(
    settings: Settings, host: str, port: int, *, limits: Limits | None = None, **options: Any
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way.

    Args:
        settings: Where the warehouse is.
        host: Address to bind.
        port: Port to bind.
        limits: Other than the usual ones.
        options: More for ``create_app``.

    Raises:
        StartRefused: The server, the role or the keys are not fit to acknowledge anything.
    """
    open_logbook()
    with Warehouse(settings, "intake") as warehouse:
        require_sound_server(warehouse)
        require_readable_keys(load_ring(warehouse, Vault.of(settings)))
    limits = limits or Limits()
    server = _Server(_config(create_app(settings, limits=limits, **options), limits, host, port))
    # Looking through all that was imported, for each full collection, costs a fifth of the process's time.
    gc.collect()
    gc.freeze()
    server.run()


@contextmanager
def running_intake(
    settings: Settings, port: int = 0, *, limits: Limits | None = None, **options: Any
) -> Generator[str]:
    """Serve on loopback from a thread, for a demonstration or a test. Durability is not asked for: see ``/ready``.

    Args:
        settings: Where the warehouse is.
        port: 0 takes a free one.
        limits: Other than the usual ones.
        options: More for ``create_app``.

    Yields:
        The base URL.

    Raises:
        StartRefused: The server did not start.
    """
    limits = limits or Limits()
    for name in ("leadloop.intake", "uvicorn"):
        # Without a handler of somebody's, Python would print warnings as they are.
        logging.getLogger(name).addHandler(logging.NullHandler())
    app = create_app(settings, limits=limits, **options)
    listener = socket.create_server(("127.0.0.1", port))
    bound_port: int = listener.getsockname()[1]
    server = _Server(_config(app, limits, "127.0.0.1", bound_port))
    thread = threading.Thread(target=server.run, args=([listener],), name="intake", daemon=True)
    thread.start()
    if not server.has_started.wait(_START_SECONDS):
        raise StartRefused("the intake did not start in time")
    try:
        yield f"http://127.0.0.1:{bound_port}"
    finally:
        server.should_exit = True
        thread.join()


class DeadlineProtocol(H11Protocol):
    """HTTP/1.1 that does not wait for ever: a head is complete in time, or the connection is closed."""

    head_seconds: ClassVar[float]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_discarding = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The clock starts before the first byte."""
        super().connection_made(transport)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """The clock runs while a head is unfinished, and does not start again with every byte."""
        if self._is_discarding:
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_head_timer()
        elif self._head_timer is None:
            self._start_head_timer()

    def on_response_complete(self) -> None:
        """A next head may have begun to arrive behind the request that is answered now."""
        super().on_response_complete()
        has_begun = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if has_begun and self._head_timer is None:
            self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """No clock outlives its connection."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in our form; called while h11's error is being handled."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            # An answer is on its way already: nothing can be put in front of it.
            self.transport.close()
            return
        error = sys.exc_info()[1]
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        status = HTTPStatus(hint)
        body = json.dumps(
            {
                "title": status.phrase,
                "status": int(status),
                "code": "bad_http",
                "detail": "The request is not HTTP as we read it.",
                "request_id": uuid4().hex,
            }
        ).encode()
        headers = [
            ("content-type", MEDIA_TYPE),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        response = h11.Response(
            status_code=int(status), headers=headers, reason=status.phrase.encode()
        )
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        # Closed at once, the connection would be reset under a client that is still sending, answer and all.
        self._is_discarding = True
        self.transport.write_eof()
        self.loop.call_later(_DISCARD_SECONDS, self.transport.close)

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._close_unfinished)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_unfinished(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            _log.warning("head_too_slow")
            self.transport.close()


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _log.info("listening", extra={"port": self.config.port})
        self.has_started.set()


def _config(app: FastAPI, limits: Limits, host: str, port: int) -> uvicorn.Config:
    protocol = type("Protocol", (DeadlineProtocol,), {"head_seconds": limits.head_seconds})
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        # One line per request is left by the guard; this one would hold the form's key.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        limit_concurrency=limits.connections,
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=limits.drain_seconds,
    )
