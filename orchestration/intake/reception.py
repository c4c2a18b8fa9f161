"""Reception: one request, from its bytes to its answer.

The order never changes: read under limits, prove on the raw bytes, take the tenant from the key that proved it,
parse strictly, store, answer. Two manners differ in what becomes of an unusable body of a proven sender: our own
CRM schema refuses it, because its sender will mend and repeat it; a provider or a browser will not, so it is thanked.
Both keep it whole in quarantine.

Belongs here: the order, and the two manners. Lives elsewhere: every single step.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestration.intake.keys import CRM, FORM, WHATSAPP, WHATSAPP_VERIFY
from orchestration.intake.limits import FORM_BODY_BYTES, SIGNED_BODY_BYTES, WHATSAPP_BODY_BYTES
from orchestration.intake.payloads import forms, whatsapp
from orchestration.intake.payloads.events import Reading, SetAside
from orchestration.intake.problems import (
    BadBody,
    BadRequest,
    Conflict,
    Forbidden,
    NotProven,
    OffSchema,
    TooOften,
    Unavailable,
    Unknown,
    Unsupported,
)
from orchestration.intake.receiving import media_type, read_body, require_plain_encoding
from orchestration.intake.store import Outcome, Parcel, SecurityEvent
from orchestration.intake.verification import HubProof, StandardProof

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from starlette.requests import Request

    from orchestration.intake.guard import Trace
    from orchestration.intake.keys import Key, KeyRing, Keys, Proof
    from orchestration.intake.limits import Limits
    from orchestration.intake.quota import Quota
    from orchestration.intake.writer import Writer

# Found without parsing: nothing is parsed before it is proven. A wrong hint costs time and decides nothing.
_TENANT_HINT = re.compile(rb'"tenant_id"\s*:\s*"([0-9a-fA-F-]{36})"')
_CHALLENGE = re.compile(r"[0-9]{1,64}")
_KEPT_HEADERS = frozenset(
    {b"content-type", b"origin", b"referer", b"user-agent", b"webhook-id", b"webhook-timestamp"}
)
_KEPT_HEADER_CHARACTERS = 1024
# Above it, trying every tenant's secret would hold up everybody else's requests.
_BYTES_TO_HASH_AT_ONCE = 1024 * 1024
# Above it, parsing would.
_BYTES_TO_PARSE_AT_ONCE = 64 * 1024
_SET_ASIDE = "set_aside"
_TENANT_DISABLED = "tenant_disabled"


@dataclass(frozen=True)
class Answer:
    """A request that was taken.

    Attributes:
        status: 202 for new to our own senders, 200 otherwise.
        body: JSON object: ``status``, and where it helps ``results`` or ``code``.
    """

    status: HTTPStatus
    body: dict[str, Any]


class Reception:
    """Receives the requests of one process."""

    def __init__(
        self, keys: Keys, writer: Writer, quota: Quota, limits: Limits, now: Callable[[], datetime]
    ) -> None:
        self._keys = keys
        self._writer = writer
        self._quota = quota
        self._limits = limits
        self._now = now

    async def receive_signed(
        self, request: Request, source: str, read: Callable[[bytes, datetime], Reading]
    ) -> Answer:
        """A body of our own schema, signed by Standard Webhooks.

        Args:
            request: Unread.
            source: What its rows are called.
            read: The sender's ``payloads`` module's.

        Raises:
            Refusal: Any; a proven but unusable body is set aside first.
        """
        body = await read_body(request, SIGNED_BODY_BYTES, self._limits.body_seconds)
        now = self._now()
        proof = StandardProof.read(request.scope["headers"], now)
        key = await self._prove(request, CRM, proof, body, now, hint=_hinted_tenant(body))
        if not key.tenant_is_active:
            raise Forbidden(_TENANT_DISABLED, "The tenant is disabled.")
        self._take_quota(key)
        try:
            require_plain_encoding(request)
            if media_type(request) != "application/json":
                raise Unsupported("media_type", "Send application/json.")
            reading = await _read(partial(read, body, now), body)
        except BadBody as problem:
            await self._store(request, key, _aside(source, problem.code, body))
            raise
        if strangers := reading.tenants - {key.tenant_id}:
            await self._report_mismatch(request, key, strangers)
        outcomes = await self._store(request, key, reading)
        return _answer_signed(outcomes, reading.is_list)

    async def receive_form(self, request: Request, form_key: str) -> Answer:
        """A web form's submission, named by its key.

        Raises:
            Refusal: Unknown key, refused origin, quota, size, time, or storage; never for what the form holds.
        """
        now = self._now()
        key = await self._find(FORM, form_key, now)
        if key is None:
            raise Unknown("unknown_form", "There is no form with this key.")
        _remember(request, key)
        _require_origin(request, key)
        self._take_quota(key)
        body = await read_body(request, FORM_BODY_BYTES, self._limits.body_seconds)
        return await self._receive_kindly(
            request, key, forms.SOURCE, body, lambda: forms.read(body, media_type(request), now)
        )

    async def allow_form(self, request: Request, form_key: str) -> None:
        """A browser's question whether a page may send this form (CORS preflight).

        Raises:
            Unknown: No such form.
            Forbidden: Not from there.
        """
        key = await self._find(FORM, form_key, self._now())
        if key is None:
            raise Unknown("unknown_form", "There is no form with this key.")
        _require_origin(request, key)

    async def receive_whatsapp(self, request: Request) -> Answer:
        """A notification of the WhatsApp Cloud API, signed with the app secret.

        Raises:
            Refusal: No proof, size, time, or storage; never for what the notification holds.
        """
        body = await read_body(request, WHATSAPP_BODY_BYTES, self._limits.body_seconds)
        now = self._now()
        proof = HubProof.read(request.scope["headers"])
        key = await self._prove(request, WHATSAPP, proof, body, now)
        return await self._receive_kindly(
            request, key, whatsapp.SOURCE, body, lambda: whatsapp.read(body)
        )

    async def confirm_whatsapp(self, mode: str, verify_token: str, challenge: str) -> str:
        """Meta's handshake when the callback address is entered.

        Returns:
            The challenge, to be echoed as plain text.

        Raises:
            BadRequest: Not a subscription, or a challenge that is no number.
            Forbidden: The verify token is nobody's.
        """
        if mode != "subscribe" or not _CHALLENGE.fullmatch(challenge):
            raise BadRequest("no_handshake", "This is not a subscription handshake.")
        if await self._find(WHATSAPP_VERIFY, verify_token, self._now()) is None:
            raise Forbidden("verify_token", "The verify token is not known.")
        return challenge

    async def _receive_kindly(
        self, request: Request, key: Key, source: str, body: bytes, read: Callable[[], Reading]
    ) -> Answer:
        """Take whatever a proven sender sent: it would not be sent again."""
        trace: Trace = request.state.trace
        if not key.tenant_is_active:
            trace.code = _TENANT_DISABLED
            await self._store(request, key, _aside(source, _TENANT_DISABLED, body))
            return _thank([Outcome.SET_ASIDE], _TENANT_DISABLED)
        try:
            require_plain_encoding(request)
            reading = await _read(read, body)
        except BadBody as problem:
            trace.code = problem.code
            await self._store(request, key, _aside(source, problem.code, body))
            return _thank([Outcome.SET_ASIDE], problem.code)
        outcomes = await self._store(request, key, reading)
        if reading.set_aside:
            trace.code = reading.set_aside[0].reason
        return _thank([*outcomes, *([Outcome.SET_ASIDE] * len(reading.set_aside))], trace.code)

    async def _find(self, kind: str, value: str, now: datetime) -> Key | None:
        """The key that is named by its value; a new one is found when it is first used."""
        ring = await self._keys.current()
        key = ring.find(kind, value, now)
        if key is None:
            ring = await self._keys.after_miss()
            key = ring.find(kind, value, now)
        if key is None:
            _require_all_opened(ring, kind)
        return key

    async def _prove(
        self,
        request: Request,
        kind: str,
        proof: Proof,
        body: bytes,
        now: datetime,
        hint: UUID | None = None,
    ) -> Key:
        """The key that signed the body.

        Raises:
            NotProven: Nobody's did.
            Unavailable: It cannot be told now, or the same secret belongs to several tenants.
        """
        ring = await self._keys.current()
        signers = await _find_signers(ring, kind, proof, body, now, hint)
        if not signers:
            ring = await self._keys.after_miss()
            signers = await _find_signers(ring, kind, proof, body, now, hint)
        if not signers:
            _require_all_opened(ring, kind)
            raise NotProven("not_proven", "The signature is missing, malformed or wrong.")
        if len(signers) > 1:
            raise Unavailable(
                "ambiguous_key", "Several tenants share this secret; give each its own."
            )
        _remember(request, signers[0])
        return signers[0]

    def _take_quota(self, key: Key) -> None:
        if not self._quota.take(key.tenant_id, key.kind):
            raise TooOften(
                "quota", "The tenant sends too often; send arrays, or wait.", retry_after=1
            )

    async def _store(self, request: Request, key: Key, reading: Reading) -> list[Outcome]:
        trace: Trace = request.state.trace
        trace.events = len(reading.events)
        return await self._writer.write(
            Parcel(
                tenant_id=key.tenant_id,
                key_id=key.key_id,
                request_id=trace.request_id,
                headers=_kept_headers(request),
                events=reading.events,
                set_aside=reading.set_aside,
            )
        )

    async def _report_mismatch(
        self, request: Request, key: Key, strangers: frozenset[UUID]
    ) -> None:
        trace: Trace = request.state.trace
        event = SecurityEvent(
            actor=f"intake_key:{key.key_id}",
            action="send_event",
            target=f"tenant:{min(strangers)}",
            reason="tenant_mismatch",
        )
        await self._writer.write(
            Parcel(key.tenant_id, key.key_id, trace.request_id, security=(event,))
        )
        raise Forbidden("tenant_mismatch", "The key belongs to another tenant than the body names.")


async def _read(read: Callable[[], Reading], body: bytes) -> Reading:
    return await asyncio.to_thread(read) if len(body) > _BYTES_TO_PARSE_AT_ONCE else read()


async def _find_signers(
    ring: KeyRing, kind: str, proof: Proof, body: bytes, now: datetime, hint: UUID | None
) -> list[Key]:
    find = partial(ring.signers, kind, proof, body, now, hint)
    if ring.work(kind, body) > _BYTES_TO_HASH_AT_ONCE:
        return await asyncio.to_thread(find)
    return find()


def _require_all_opened(ring: KeyRing, kind: str) -> None:
    """A key that does not open may be the one: "later", not "no"."""
    if kind in ring.unreadable:
        raise Unavailable("keys_unavailable", "The keys cannot be read now.")


def _hinted_tenant(body: bytes) -> UUID | None:
    match = _TENANT_HINT.search(body)
    try:
        return UUID(match[1].decode()) if match else None
    except ValueError:
        return None


def _remember(request: Request, key: Key) -> None:
    trace: Trace = request.state.trace
    trace.tenant_id = key.tenant_id
    trace.key_id = key.key_id


def _require_origin(request: Request, key: Key) -> None:
    """Refuse pages that the key does not list, and let the browser read the answer to the others."""
    trace: Trace = request.state.trace
    origin = request.headers.get("origin", "")
    if key.origins and origin.lower().rstrip("/") not in key.origins:
        raise Forbidden("origin_refused", "This form may not be sent from there.")
    trace.headers["Access-Control-Allow-Origin"] = origin if key.origins else "*"
    trace.headers["Vary"] = "Origin"


def _kept_headers(request: Request) -> str:
    kept = {
        name.decode(): value[:_KEPT_HEADER_CHARACTERS].decode("latin-1")
        for name, value in request.scope["headers"]
        if name in _KEPT_HEADERS
    }
    return json.dumps(kept)


def _aside(source: str, reason: str, body: bytes) -> Reading:
    return Reading(set_aside=(SetAside(source, reason, body),))


def _answer_signed(outcomes: Sequence[Outcome], is_list: bool) -> Answer:
    """New is 202, nothing new is 200; a conflict or an unstorable event speaks for the whole body."""
    if Outcome.CONFLICT in outcomes:
        raise Conflict(outcomes)
    if Outcome.SET_ASIDE in outcomes:
        errors = [
            {
                "pointer": f"/{index}" if is_list else "",
                "code": "unstorable",
                "reason": "cannot be stored",
            }
            for index, outcome in enumerate(outcomes)
            if outcome is Outcome.SET_ASIDE
        ]
        raise OffSchema("unstorable", "An event holds something that cannot be stored.", errors)
    has_new = Outcome.STORED in outcomes
    body: dict[str, Any] = {"status": Outcome.STORED if has_new else Outcome.DUPLICATE}
    if is_list:
        body["results"] = list(outcomes)
    return Answer(HTTPStatus.ACCEPTED if has_new else HTTPStatus.OK, body)


def _thank(outcomes: Sequence[Outcome], code: str | None) -> Answer:
    """200 whatever became of it; the body says so to whoever reads it."""
    ranked = (Outcome.STORED, Outcome.SET_ASIDE, Outcome.CONFLICT, Outcome.DUPLICATE)
    status = next((outcome for outcome in ranked if outcome in outcomes), Outcome.SET_ASIDE)
    body: dict[str, Any] = {"status": status}
    if code is not None:
        body["code"] = code
    return Answer(HTTPStatus.OK, body)
