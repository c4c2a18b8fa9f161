"""App: the routes.

``create_app`` puts one process together; the lifespan starts and drains the writer. A route hands its request to
``reception`` and answers with what comes back.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from orchestration.intake import document
from orchestration.intake.guard import Guard, Trace
from orchestration.intake.keys import Keys, load_ring
from orchestration.intake.limits import Limits
from orchestration.intake.payloads import consent, counts, crm
from orchestration.intake.problems import Unavailable, Unknown, WrongMethod
from orchestration.intake.quota import Quota
from orchestration.intake.reception import Reception
from orchestration.intake.startup import inspect_server
from orchestration.intake.store import Store
from orchestration.intake.writer import Committer, Writer
from orchestration.warehouse import Warehouse
from orchestration.warehouse.secrets import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from orchestration.intake.answers import Answer
    from orchestration.settings import Settings

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "content-type",
    "Access-Control-Max-Age": "86400",
}


def create_app(
    settings: Settings,
    *,
    limits: Limits | None = None,
    store: Committer | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] = time.monotonic,
    new_id: Callable[[], str] = lambda: uuid4().hex,
) -> FastAPI:
    """One intake process.

    Args:
        settings: Where the warehouse is, and the master key.
        limits: Other than the usual ones, for a test or a benchmark.
        store: Another than the warehouse's, to measure the rest without it.
        now: The wall clock, aware, for signed times, keys and event times.
        monotonic: Seconds that only grow, for quotas and ages.
        new_id: A fresh request id.

    Returns:
        The application; the database is first touched when it starts.
    """
    limits = limits or Limits()
    warehouse = Warehouse(settings, "intake")
    vault = Vault.of(settings)
    keys = Keys(lambda: load_ring(warehouse, vault), limits, monotonic)
    writer = Writer(store or Store(warehouse), limits)
    quota = Quota(limits.quota_per_second, limits.quota_burst, monotonic)
    reception = Reception(keys, writer, quota, limits, now)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        writer.start()
        yield
        await writer.close()
        await keys.close()
        warehouse.dispose()

    app = FastAPI(
        title="Leadloop intake",
        version="0.1.0",
        description=document.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # FastAPI's own would hand exceptions, and with them values, to whatever collector the process has.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=lifespan,
    )
    app.add_middleware(Guard, new_id=new_id)
    app.add_exception_handler(HTTPException, _refuse_http_exception)
    _add_sender_routes(app, reception)
    _add_operator_routes(app, warehouse, keys, writer)
    document.install(app)
    return app


def _add_sender_routes(app: FastAPI, reception: Reception) -> None:
    @app.post("/integrations/crm/conversions", **document.CONVERSIONS)
    async def receive_conversions(request: Request) -> Response:
        return _respond(request, await reception.receive_signed(request, crm.SOURCE, crm.read))

    @app.post("/integrations/consent", **document.CONSENT)
    async def receive_consent(request: Request) -> Response:
        answer = await reception.receive_signed(request, consent.SOURCE, consent.read)
        return _respond(request, answer)

    @app.post("/integrations/counts", **document.COUNTS)
    async def receive_counts(request: Request) -> Response:
        answer = await reception.receive_signed(request, counts.SOURCE, counts.read)
        return _respond(request, answer)

    @app.post("/webhooks/forms/{key}", **document.FORM)
    async def receive_form(request: Request) -> Response:
        answer = await reception.receive_form(request, request.path_params["key"])
        return _respond(request, answer)

    @app.options("/webhooks/forms/{key}", **document.FORM_PREFLIGHT)
    async def allow_form(request: Request) -> Response:
        await reception.allow_form(request, request.path_params["key"])
        return Response(status_code=204, headers=_PREFLIGHT)

    @app.get("/webhooks/whatsapp", **document.WHATSAPP_HANDSHAKE)
    async def confirm_whatsapp(request: Request) -> Response:
        query = request.query_params
        challenge = await reception.confirm_whatsapp(
            query.get("hub.mode", ""),
            query.get("hub.verify_token", ""),
            query.get("hub.challenge", ""),
        )
        return PlainTextResponse(challenge)

    @app.post("/webhooks/whatsapp", **document.WHATSAPP)
    async def receive_whatsapp(request: Request) -> Response:
        return _respond(request, await reception.receive_whatsapp(request))


def _add_operator_routes(app: FastAPI, warehouse: Warehouse, keys: Keys, writer: Writer) -> None:
    @app.get("/health", **document.HEALTH)
    async def tell_health() -> Response:
        return _json({"status": "alive"})

    # Whoever asks often waits in line: the threads and connections are for storing.
    inspecting = asyncio.Lock()

    @app.get("/ready", **document.READY)
    async def tell_readiness() -> Response:
        if writer.is_full:
            raise Unavailable("queue_full", "Too many requests wait for the database.")
        ring = await keys.current()
        if ring.unreadable and not ring.size:
            raise Unavailable("keys_unavailable", "No key opens.")
        async with inspecting:
            findings = await asyncio.to_thread(inspect_server, warehouse)
        if findings:
            raise Unavailable("not_ready", "; ".join(findings))
        return _json({"status": "ready", "keys": ring.size, "waiting_rows": writer.waiting_rows})


def _respond(request: Request, answer: Answer) -> Response:
    trace: Trace = request.state.trace
    return _json({**answer.body, "request_id": trace.request_id}, answer.status)


def _json(body: dict[str, object], status: int = 200) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")


async def _refuse_http_exception(_: Request, error: Exception) -> Response:
    """Starlette's own refusals, as ours: no such path, or another method."""
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        raise WrongMethod((error.headers or {}).get("Allow", ""))
    raise Unknown("not_found", "There is nothing at this address.")
