"""What the intake's tests start from: a served intake, and senders that sign as the real ones do."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from orchestration.intake.limits import Limits
from orchestration.intake.server import running_intake
from orchestration.settings import Settings
from orchestration.warehouse import addresses
from orchestration.warehouse.tenants import NewTenant

SAMPLES = Path(__file__).parents[2] / "data"
CRM_PATH = "/integrations/crm/conversions"
COUNTS_PATH = "/integrations/counts"
WHATSAPP_PATH = "/webhooks/whatsapp"
# Short where a test waits for it; the quota is high where it is not the subject.
LIMITS = Limits(
    head_seconds=1.0,
    body_seconds=1.0,
    reload_seconds=0.01,
    quota_per_second=10_000,
    quota_burst=10_000,
)


@dataclass
class Sender:
    """One tenant's senders, over HTTP."""

    client: httpx.Client
    tenant: NewTenant

    def conversion(self, **changes: Any) -> dict[str, Any]:
        """A conversion of now, with an id of its own; ``...`` leaves a field out."""
        whole = {
            **json.loads((SAMPLES / "crm" / "purchase.json").read_text()),
            "tenant_id": str(self.tenant.tenant_id),
            "event_id": uuid4().hex,
            "event_time": int(datetime.now(UTC).timestamp()),
            **changes,
        }
        return {name: value for name, value in whole.items() if value is not ...}

    def signature(self, body: bytes, secret: str | None = None) -> dict[str, str]:
        """The headers of Standard Webhooks."""
        webhook_id, timestamp = f"msg_{uuid4().hex}", str(int(datetime.now(UTC).timestamp()))
        key = base64.b64decode((secret or self.tenant.crm_secret).removeprefix("whsec_"))
        signed = f"{webhook_id}.{timestamp}.".encode() + body
        digest = hmac.digest(key, signed, "sha256")
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }

    def post_signed(
        self,
        payload: object,
        *,
        path: str = CRM_PATH,
        secret: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send a body of our own schema; bytes go as they are."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return self.client.post(
            path,
            content=body,
            headers={
                "content-type": "application/json",
                **self.signature(body, secret),
                **(headers or {}),
            },
        )

    def post_form(self, **request: Any) -> httpx.Response:
        """Submit a form."""
        return self.client.post(f"/webhooks/forms/{self.tenant.form_key}", **request)

    def post_whatsapp(self, payload: object, secret: str | None = None) -> httpx.Response:
        """Notify as Meta does; bytes go as they are."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        key = (secret or self.tenant.whatsapp_app_secret).encode()
        digest = hmac.new(key, body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}
        return self.client.post(WHATSAPP_PATH, content=body, headers=headers)

    def sample(self, sender: str, name: str) -> bytes:
        """A payload of ``tests/data``, naming this tenant and, where time is judged, of now."""
        body = (SAMPLES / sender / name).read_bytes()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for pattern, value in (
            (rb"00000000-0000-4000-8000-000000000000", str(self.tenant.tenant_id)),
            (rb'(?<="event_time": )("[^"]+"|[0-9]+)', f'"{now}"'),
            (rb'(?<="counted_at": )"[^"]+"', f'"{now}"'),
            (rb'(?<="day": )"[^"]+"', f'"{now[:10]}"'),
        ):
            body = re.sub(pattern, value.encode(), body)
        return body


@dataclass
class Rows:
    """What is stored, seen by a superuser."""

    connection: psycopg.Connection

    def __call__(self, query: str, *values: object) -> list[Any]:
        """Rows as tuples; a single column as bare values."""
        rows = self.connection.execute(query, values).fetchall()
        return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows

    def count(self, table: str) -> int:
        """How many rows a table of ``raw`` or ``ops`` holds."""
        query = sql.SQL("select count(*) from {}").format(sql.Identifier(*table.split(".")))
        (count,) = self.connection.execute(query).fetchone() or (0,)
        return count


@pytest.fixture
def serve(settings: Settings) -> Iterator[Callable[..., httpx.Client]]:
    """Serve an intake and get a client to it; several can run beside each other."""
    with contextlib.ExitStack() as stack:

        def start(limits: Limits = LIMITS, **options: Any) -> httpx.Client:
            url = stack.enter_context(running_intake(settings, limits=limits, **options))
            return stack.enter_context(httpx.Client(base_url=url, timeout=10))

        yield start


@pytest.fixture
def client(serve: Callable[..., httpx.Client]) -> httpx.Client:
    """A client to an intake."""
    return serve()


@pytest.fixture
def sender(client: httpx.Client, make_tenant: Callable[..., NewTenant]) -> Sender:
    """A tenant's senders."""
    return Sender(client, make_tenant())


@pytest.fixture
def other(client: httpx.Client, make_tenant: Callable[..., NewTenant]) -> Sender:
    """Another tenant's senders."""
    return Sender(client, make_tenant())


@pytest.fixture
def rows(admin: psycopg.Connection) -> Rows:
    """What is stored."""
    return Rows(admin)


@pytest.fixture
def durable(admin: psycopg.Connection) -> Iterator[None]:
    """A server that does not lose what it acknowledged; the tests' own is faster and careless."""
    _set_fsync(admin, "on")
    yield
    _set_fsync(admin, "off")


def _set_fsync(admin: psycopg.Connection, value: str) -> None:
    admin.execute(sql.SQL("alter system set fsync = {}").format(sql.Literal(value)))
    admin.execute("select pg_reload_conf()")
    # The server reads its settings again a moment after it was told to.
    while admin.execute("show fsync").fetchone() != (value,):
        pass


@pytest.fixture
def blocked(settings: Settings) -> Iterator[Callable[[], None]]:
    """Nothing can be stored until the returned function is called."""
    url = addresses.libpq_url(addresses.admin_url(settings))
    with psycopg.connect(url) as connection:
        connection.execute("lock table raw.events in access exclusive mode")
        yield connection.rollback


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
