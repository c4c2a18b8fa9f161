"""Reception: one request, from its bytes to its answer.

The order never changes: read under limits, prove on the raw bytes, take the tenant from the key that proved it,
parse strictly, store, answer. Two manners differ in what becomes of an unusable body of a proven sender: our own
CRM schema refuses it, because its sender will mend and repeat it; a provider or a browser will not, so it is thanked.
Both keep it whole in quarantine.

Belongs here: the order, and the two manners. Lives elsewhere: every single step, and the words (``answers``).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from orchestration.intake.accounts import divide
from orchestration.intake.answers import answer_signed, thank
from orchestration.intake.keys import CRM, FORM, WHATSAPP, WHATSAPP_VERIFY
from orchestration.intake.limits import FORM_BODY_BYTES, SIGNED_BODY_BYTES, WHATSAPP_BODY_BYTES
from orchestration.intake.payloads import forms, whatsapp
from orchestration.intake.payloads.events import Reading, SetAside
from orchestration.intake.problems import (
    BadBody,
    BadRequest,
    Forbidden,
    NotProven,
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

    from orchestration.intake.accounts import Division, Share
    from orchestration.intake.answers import Answer
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
_TENANT_DISABLED = "tenant_disabled"
_UNKNOWN_ACCOUNT = "unknown_account"
_META_ID = re.compile(r"[0-9]{1,32}")
_Result = TypeVar("_Result")
_log = logging.getLogger("leadloop.intake")


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
            reading = await _parse(partial(read, body, now), body)
        except BadBody as problem:
            await self._store(request, [(key, _aside(source, problem.code, body))])
            raise
        if strangers := reading.tenants - {key.tenant_id}:
            await self._report_mismatch(request, key, strangers)
        outcomes = await self._store(request, [(key, reading)])
        return answer_signed(outcomes, reading.is_list)

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
        reading = await _read_kindly(
            request, key, forms.SOURCE, body, lambda: forms.read(body, media_type(request), now)
        )
        return await self._keep(request, [(key, reading)])

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
            Refusal: No proof, size, time, storage, or an account whose tenant cannot be told; never for what the
                notification holds. What is of other accounts is stored all the same.
        """
        body = await read_body(request, WHATSAPP_BODY_BYTES, self._limits.body_seconds)
        now = self._now()
        proof = HubProof.read(request.scope["headers"])
        division = await self._divide(proof, body, now)
        if len({share.key for share in division.shares}) == 1:
            _remember(request, division.shares[0].key)
        readings = [(share.key, await _read_share(request, share)) for share in division.shares]
        if division.unclaimed:
            # The others' messages do not wait for it; when all of it comes again, they are repeats.
            if readings:
                await self._keep(request, readings)
            _log_unclaimed(request, division)
            raise _ambiguous("Several tenants share this secret; name each one's accounts.")
        return await self._keep(request, readings)

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

    async def _divide(self, proof: Proof, body: bytes, now: datetime) -> Division:
        """Whose each part of a notification is.

        Raises:
            NotProven: Nobody signed it.
            Unavailable: It cannot be told now.
        """
        signers = await self._find_proven(WHATSAPP, proof, body, now)
        division = await _parse(partial(divide, body, signers), body)
        if division.is_settled:
            return division
        # An account that nobody names may have been named since the keys were read.
        ring = await self._keys.after_miss()
        _require_all_opened(ring, WHATSAPP)
        signers = await _find_signers(ring, WHATSAPP, proof, body, now)
        if not signers:
            raise _not_proven()
        return await _parse(partial(divide, body, signers), body)

    async def _keep(self, request: Request, readings: Sequence[tuple[Key, Reading]]) -> Answer:
        """Store what a proven sender sent, each tenant's under its key, in one transaction; and thank."""
        trace: Trace = request.state.trace
        outcomes = await self._store(request, readings)
        set_aside = [item for _, reading in readings for item in reading.set_aside]
        if set_aside:
            trace.code = set_aside[0].reason
        return thank([*outcomes, *([Outcome.SET_ASIDE] * len(set_aside))], trace.code)

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
        signers = await self._find_proven(kind, proof, body, now, hint)
        if len(signers) > 1:
            raise _ambiguous("Several tenants share this secret; give each its own.")
        _remember(request, signers[0])
        return signers[0]

    async def _find_proven(
        self, kind: str, proof: Proof, body: bytes, now: datetime, hint: UUID | None = None
    ) -> list[Key]:
        """The keys that signed the body, at least one and each of another tenant.

        Raises:
            NotProven: Nobody's did.
            Unavailable: It cannot be told now.
        """
        ring = await self._keys.current()
        signers = await _find_signers(ring, kind, proof, body, now, hint)
        if not signers:
            ring = await self._keys.after_miss()
            signers = await _find_signers(ring, kind, proof, body, now, hint)
        if not signers:
            _require_all_opened(ring, kind)
            raise _not_proven()
        return signers

    def _take_quota(self, key: Key) -> None:
        if not self._quota.take(key.tenant_id, key.kind):
            raise TooOften(
                "quota", "The tenant sends too often; send arrays, or wait.", retry_after=1
            )

    async def _store(
        self, request: Request, readings: Sequence[tuple[Key, Reading]]
    ) -> list[Outcome]:
        """Store readings in one transaction; what became of each event, in their order."""
        trace: Trace = request.state.trace
        trace.events = sum(len(reading.events) for _, reading in readings)
        headers = _kept_headers(request)
        outcomes = await self._writer.write_together(
            [
                Parcel(
                    tenant_id=key.tenant_id,
                    key_id=key.key_id,
                    request_id=trace.request_id,
                    headers=headers,
                    events=reading.events,
                    set_aside=reading.set_aside,
                )
                for key, reading in readings
            ]
        )
        return [outcome for of_parcel in outcomes for outcome in of_parcel]

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


async def _parse(read: Callable[[], _Result], body: bytes) -> _Result:
    return await asyncio.to_thread(read) if len(body) > _BYTES_TO_PARSE_AT_ONCE else read()


async def _read_kindly(
    request: Request, key: Key, source: str, body: bytes, read: Callable[[], Reading]
) -> Reading:
    """Whatever a proven sender sent; what is unusable of it is to be set aside, for it would not be sent again."""
    if not key.tenant_is_active:
        return _aside(source, _TENANT_DISABLED, body)
    try:
        require_plain_encoding(request)
        return await _parse(read, body)
    except BadBody as problem:
        return _aside(source, problem.code, body)


async def _read_share(request: Request, share: Share) -> Reading:
    if not share.is_named:
        return _aside(whatsapp.SOURCE, _UNKNOWN_ACCOUNT, share.body)
    read = partial(whatsapp.read, share.body)
    return await _read_kindly(request, share.key, whatsapp.SOURCE, share.body, read)


async def _find_signers(
    ring: KeyRing,
    kind: str,
    proof: Proof,
    body: bytes,
    now: datetime,
    hint: UUID | None = None,
) -> list[Key]:
    find = partial(ring.signers, kind, proof, body, now, hint)
    if ring.work(kind, body) > _BYTES_TO_HASH_AT_ONCE:
        return await asyncio.to_thread(find)
    return find()


def _require_all_opened(ring: KeyRing, kind: str) -> None:
    """A key that does not open may be the one: "later", not "no"."""
    if kind in ring.unreadable:
        raise Unavailable("keys_unavailable", "The keys cannot be read now.")


def _not_proven() -> NotProven:
    return NotProven("not_proven", "The signature is missing, malformed or wrong.")


def _ambiguous(sentence: str) -> Unavailable:
    return Unavailable("ambiguous_key", sentence)


def _log_unclaimed(request: Request, division: Division) -> None:
    """Name the accounts that wait for a tenant; what is no id of Meta's form stays out of the log."""
    trace: Trace = request.state.trace
    for account in sorted(division.unclaimed):
        shown = account if _META_ID.fullmatch(account) else None
        _log.warning("account_unclaimed", extra={"request_id": trace.request_id, "account": shown})


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
