"""The receiver of alerts: stands in for the chat or the mail that a person would read.

Apprise posts each message as JSON to ``json://host:port/alerts``. What arrives is kept in a journal, so that a later
command can show what was said.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from orchestration.sandbox.http_server import serving
from orchestration.sandbox.journal import Journal

_FILE_NAME = "alerts.jsonl"


@dataclass(frozen=True)
class ReceivedAlert:
    """One message as its receiver sees it.

    Attributes:
        title: The line on top.
        body: The lines below it.
        kind: Apprise's word for the tone: ``failure`` or ``success``.
    """

    title: str
    body: str
    kind: str


@dataclass
class AlertReceiver:
    """A receiver that listens.

    Attributes:
        apprise_url: Where to send, in apprise's notation.
    """

    apprise_url: str = ""
    _alerts: list[ReceivedAlert] = field(default_factory=list[ReceivedAlert])

    def received(self) -> list[ReceivedAlert]:
        """All messages so far, oldest first."""
        return list(self._alerts)

    def apply(self, entry: dict[str, Any]) -> None:
        """Take one journal entry."""
        self._alerts.append(ReceivedAlert(**entry))


def read_alerts(folder: Path) -> list[ReceivedAlert]:
    """What a receiver with this state folder has received, oldest first."""
    receiver = AlertReceiver()
    Journal(folder / _FILE_NAME, receiver.apply)
    return receiver.received()


@contextmanager
def running_alert_receiver(folder: Path, port: int = 0) -> Generator[AlertReceiver]:
    """Listen on loopback for as long as the context lasts.

    Args:
        folder: Where the journal is kept; made when it is missing.
        port: 0 takes any free one.

    Raises:
        OSError: The port is taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    receiver = AlertReceiver()
    journal = Journal(folder / _FILE_NAME, receiver.apply)

    async def take(request: Request) -> JSONResponse:
        sent: dict[str, Any] = await request.json()
        entry = {"title": sent["title"], "body": sent["message"], "kind": sent["type"]}
        journal.add(entry)
        return JSONResponse({"status": "ok"})

    app = Starlette(routes=[Route("/alerts", take, methods=["POST"])])
    with serving(app, port) as base_url:
        receiver.apprise_url = f"json://{urlsplit(base_url).netloc}/alerts"
        yield receiver
