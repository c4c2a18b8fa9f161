"""A program that makes senders and kills them: each a fork of a warm process, each killed for good at a named place.

Started by ``test_crashes.py`` with settings and a tenant; reads one order per line, answers with one line. It holds no
threads, as a fork takes only one of them along.

    {"place": "after commit of settle", "skip": 1, "seed": 7, "random_ids": false}
    {"killed": true}

A place is the moment before or after the commit of one of the ledger's transactions, ``half a request`` (half of its
bytes have been handed to the network) or ``answered`` (the platform took it, and nobody was told). ``skip`` passes
over the first moments of that name; ``place`` null lets the sender live.
"""

from __future__ import annotations

import inspect
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from orchestration.deliveries.accounts import accounts
from orchestration.deliveries.conversion import Account, Request
from orchestration.deliveries.destinations import DESTINATIONS
from orchestration.deliveries.sending import sender
from orchestration.deliveries.sending.sender import Tools, send_due
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse

# The shortest of our bodies is longer, and the heads of requests hold no event.
_ID_FIELDS = ("event_id", "transactionId")
_SENDING = frozenset({"ingest", "send_events", "upload", "adjust"})
# Clients that hold the one that sends.
_PARTS = frozenset({"manager"})


@dataclass
class Death:
    """Counts the moments of one name and strikes at one of them."""

    place: str | None
    skip: int

    def come(self, place: str) -> None:
        """Kill this process, if this is the moment."""
        if place != self.place:
            return
        self.skip -= 1
        if self.skip < 0:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalWarehouse(Warehouse):
    """A pool whose user can die before and after each commit; the moment is named after the function that commits."""

    def __init__(self, settings: Settings, death: Death) -> None:
        super().__init__(settings, "worker")
        self._death = death

    @contextmanager
    def tenant(self, tenant_id: UUID) -> Generator[Connection]:
        # Past this generator and the context manager around it.
        name = inspect.stack(0)[2].function
        with super().tenant(tenant_id) as connection:
            yield connection
            self._death.come(f"before commit of {name}")
        self._death.come(f"after commit of {name}")


class MortalClient:
    """A client whose user can die when a request is about to leave, and when the platform has answered it."""

    def __init__(
        self, client: Any, answered: Callable[[], None], leaving: Callable[[], None] | None = None
    ) -> None:
        self._client = client
        self._answered = answered
        self._leaving = leaving

    def __getattr__(self, name: str) -> Any:
        part = getattr(self._client, name)
        if name in _PARTS:
            return MortalClient(part, self._answered, self._leaving)
        if name not in _SENDING:
            return part

        def send(*arguments: Any) -> Any:
            if self._leaving is not None:
                self._leaving()
            answer = part(*arguments)
            self._answered()
            return answer

        return send


def main() -> None:
    """Fork a sender per order, and tell how it ended."""
    settings = Settings.model_validate_json(sys.argv[1])
    tenant_id = UUID(sys.argv[2])
    clients = _warm_up(settings, tenant_id)
    _say({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        if (child := os.fork()) == 0:
            _live(settings, tenant_id, clients, order)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status) != 0:
            raise SystemExit("a sender failed by itself")
        _say({"killed": os.WIFSIGNALED(status)})


def _live(
    settings: Settings, tenant_id: UUID, clients: Mapping[str, Any], order: dict[str, Any]
) -> None:
    """Send what is due until death comes, or until nothing is due."""
    death = Death(order["place"], order["skip"])
    _let_death_into_sockets(death)
    chance = random.Random(order["seed"])  # noqa: S311 - no secret
    if order["random_ids"]:
        _give_random_ids(chance)

    def connect(_warehouse: Warehouse, account: Account) -> Any:
        return MortalClient(clients[account.platform], lambda: death.come("answered"))

    tools = Tools(connect, lambda *_: [], chance=lambda: 0.0, parallel=1)
    with MortalWarehouse(settings, death) as warehouse:
        reports = send_due(warehouse, [tenant_id], tools)
    os._exit(1 if any(report.bugs for report in reports) else 0)


def _warm_up(settings: Settings, tenant_id: UUID) -> dict[str, Any]:
    """Import, connect and prepare all that a sender needs, and leave nothing open that a fork could share."""
    with Warehouse(settings, "worker") as warehouse:
        return {
            account.platform: sender.connect(warehouse, account)
            for account in accounts.list_accounts(warehouse, tenant_id)
        }


def _let_death_into_sockets(death: Death) -> None:
    for name in ("send", "sendall"):
        original = getattr(socket.socket, name)

        def send(self: socket.socket, data: Any, *flags: int, _original: Any = original) -> Any:
            whole = bytes(data)
            if any(field.encode() in whole for field in _ID_FIELDS):
                if death.place == "half a request" and death.skip == 0:
                    _original(self, whole[: len(whole) // 2], *flags)
                death.come("half a request")
            return _original(self, data, *flags)

        setattr(socket.socket, name, send)


def _give_random_ids(chance: random.Random) -> None:
    """What must not be done: an id for each attempt."""
    for module in DESTINATIONS.values():
        worded = module.request

        def request(
            events: Sequence[Mapping[str, Any]],
            account: Account,
            lane: str,
            _worded: Any = worded,
        ) -> Request:
            changed = [
                {
                    name: f"{chance.getrandbits(256):064x}" if name in _ID_FIELDS else value
                    for name, value in event.items()
                }
                for event in events
            ]
            return _worded(changed, account, lane)

        module.request = request  # pyright: ignore[reportAttributeAccessIssue]


def _say(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
