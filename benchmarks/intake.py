"""How many requests per second the intake makes durable, and how long each waits for its acknowledgement.

Three servers, the same but for one thing: ``durable`` as it is served, ``one commit each`` without shared commits,
``not storing`` with the store taken away. Beside them the physical limit: commits per second of one connection that
does nothing else. Everything runs on loopback, the load generator on the same cores as the server and Postgres.

    python benchmarks/intake.py [--requests N] [--connections N]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
from pydantic import SecretStr
from sqlalchemy import text

from orchestration.intake.limits import Limits
from orchestration.intake.server import serve
from orchestration.intake.store import Outcome
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, addresses
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.tenants import NewTenant, create_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestration.intake.store import Parcel

TARGET_PER_SECOND = 1000
TARGET_P99_MILLISECONDS = 250
TENANTS = 4
HOST = "127.0.0.1"
_START_ATTEMPTS = 300
_PATH = "/integrations/crm/conversions"
_UNLIMITED = Limits(quota_per_second=1e9, quota_burst=10**9)
_LIMITS = {
    "durable": _UNLIMITED,
    "one commit each": Limits(quota_per_second=1e9, quota_burst=10**9, rows_per_commit=1),
    "not storing": _UNLIMITED,
}


@dataclass(frozen=True)
class Figure:
    """What one run measured; times in milliseconds."""

    per_second: float
    p50: float
    p99: float
    longest: float


class Nowhere:
    """A store that keeps nothing."""

    def commit(self, parcels: Sequence[Parcel]) -> list[list[Outcome]]:
        """Say that all is stored."""
        return [[Outcome.STORED] * len(parcel.events) for parcel in parcels]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the intake.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=64)
    arguments = parser.parse_args()
    with _warehouse() as (settings, tenants):
        print(
            f"{os.cpu_count()} cores, {arguments.connections} connections, {arguments.requests} requests"
        )
        print(
            f"physical limit: {_commits_per_second(settings, tenants[0]):,.0f} commits/s of one connection"
        )
        for mode in _LIMITS:
            figure = measure(settings, tenants, mode, arguments.requests, arguments.connections)
            print(
                f"{mode:>16}: {figure.per_second:7,.0f} requests/s   p50 {figure.p50:6.1f} ms"
                f"   p99 {figure.p99:6.1f} ms   longest {figure.longest:6.1f} ms"
            )
        print(f"target: {TARGET_PER_SECOND:,} requests/s at p99 ≤ {TARGET_P99_MILLISECONDS} ms")


def measure(
    settings: Settings, tenants: Sequence[NewTenant], mode: str, requests: int, connections: int
) -> Figure:
    """Run one server in a process of its own and send it signed conversions, all different."""
    port = _free_port()
    server = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(settings, mode, port), daemon=True
    )
    prepared = [_signed(tenant) for tenant in itertools.islice(itertools.cycle(tenants), requests)]
    server.start()
    try:
        _wait_until_alive(port)
        return asyncio.run(_send_all(port, prepared, connections))
    finally:
        server.terminate()
        server.join()


def _serve(settings: Settings, mode: str, port: int) -> None:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        # Log lines are written as in service, to where they cost no disk.
        store = Nowhere() if mode == "not storing" else None
        serve(settings, HOST, port, limits=_LIMITS[mode], store=store)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return listener.getsockname()[1]


def _wait_until_alive(port: int) -> None:
    for _ in range(_START_ATTEMPTS):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://{HOST}:{port}/health").raise_for_status()
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


async def _send_all(port: int, requests: list[bytes], connections: int) -> Figure:
    waiting = iter(requests)
    # The first requests pay for connections, plans and the key ring.
    warm_up = list(itertools.islice(waiting, len(requests) // 10))
    await _share_out(port, iter(warm_up), connections)
    began = time.perf_counter()
    seconds = await _share_out(port, waiting, connections)
    elapsed = time.perf_counter() - began
    quantiles = statistics.quantiles(seconds, n=100)
    return Figure(
        len(seconds) / elapsed, quantiles[49] * 1e3, quantiles[98] * 1e3, max(seconds) * 1e3
    )


async def _share_out(port: int, requests: Iterator[bytes], connections: int) -> list[float]:
    seconds: list[float] = []
    await asyncio.gather(*(_send(port, requests, seconds) for _ in range(connections)))
    return seconds


async def _send(port: int, requests: Iterator[bytes], seconds: list[float]) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    for request in requests:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        seconds.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(f"not acknowledged: {head[:12]!r}")
    writer.close()


def _signed(tenant: NewTenant) -> bytes:
    """A whole HTTP request: a conversion as a CRM sends it, with an id of its own."""
    body = json.dumps(
        {
            "tenant_id": str(tenant.tenant_id),
            "event_id": uuid4().hex,
            "event_type": "qualified_lead",
            "event_time": int(time.time()),
            "value": 1250.5,
            "currency": "TRY",
            "crm_record_id": uuid4().hex,
            "identifiers": {
                "gclid": "EAIaIQobChMI" + uuid4().hex,
                "email_sha256": hashlib.sha256(uuid4().bytes).hexdigest(),
                "phone_sha256": hashlib.sha256(uuid4().bytes).hexdigest(),
            },
            "consent": "granted",
        }
    ).encode()
    webhook_id, timestamp = uuid4().hex, str(int(time.time()))
    secret = base64.b64decode(tenant.crm_secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    return (
        f"POST {_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"webhook-id: {webhook_id}\r\nwebhook-timestamp: {timestamp}\r\n"
        f"webhook-signature: v1,{signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _commits_per_second(settings: Settings, tenant: NewTenant, count: int = 500) -> float:
    """One row, one commit, one connection: as often as the disk allows."""
    insert = text(
        "insert into raw.events (tenant_id, source, dedupe_key, payload, body_sha256)"
        " values (:tenant_id, 'benchmark', :key, '{}', '')"
    )
    with Warehouse(settings, "intake") as warehouse:
        began = time.perf_counter()
        for index in range(count):
            with warehouse.tenant(tenant.tenant_id) as connection:
                connection.execute(insert, {"tenant_id": tenant.tenant_id, "key": str(index)})
        return count / (time.perf_counter() - began)


@contextlib.contextmanager
def _warehouse() -> Iterator[tuple[Any, list[NewTenant]]]:
    """A server of its own, in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        own = Settings(home=Path(folder))
        migrate(own)
        address = addresses.admin_url(own).render_as_string(hide_password=False)
        settings = own.model_copy(update={"database_url": SecretStr(address)})
        yield settings, [create_tenant(settings, f"Akademi {index}") for index in range(TENANTS)]


if __name__ == "__main__":
    main()
