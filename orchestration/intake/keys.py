"""Keys: who may send, by what they can prove.

All keys of all tenants are held opened in memory, because a request says whose it is only by the key that proves
it. They are read again every few seconds, and at once when nothing matches, so that a new key works when it is
first used. While reading fails the last ones stand for a minute; after that nobody can be judged, and the answer
is "later", never "no".

Belongs here: the ring, its age, who of it signed. Lives elsewhere: the schemes (``verification``).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from orchestration.intake.problems import Unavailable
from orchestration.intake.verification import (
    SecretMalformed,
    fingerprint,
    read_standard_secret,
)
from orchestration.warehouse import sql
from orchestration.warehouse.secrets import SecretUnreadable, Vault
from orchestration.warehouse.tenants import key_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from orchestration.intake.limits import Limits
    from orchestration.warehouse import Warehouse

CRM = "crm"
FORM = "form"
WHATSAPP = "whatsapp"
WHATSAPP_VERIFY = "whatsapp_verify"

_QUERIES = sql.load(__file__)
_log = logging.getLogger("leadloop.intake")


class Proof(Protocol):
    """What a request offers to be checked against a secret."""

    def is_signed_by(self, secret: bytes, body: bytes) -> bool:
        """Whether this secret signs these bytes."""
        ...


@dataclass(frozen=True)
class Key:
    """One key of one tenant, opened.

    Attributes:
        tenant_id: Whose it is.
        key_id: Its name in logs and beside what it proved.
        kind: ``crm``, ``form``, ``whatsapp`` or ``whatsapp_verify``.
        secret: What signs, or the value itself.
        lookup_sha256: By which a form key or a verify token is found.
        origins: What it is for; empty for anything. Pages of a form, accounts and phone numbers of WhatsApp.
        not_before: Aware; from when it counts.
        not_after: Aware; until when.
        tenant_is_active: Whether its tenant may send.
    """

    tenant_id: UUID
    key_id: str
    kind: str
    secret: bytes = field(repr=False)
    lookup_sha256: str | None
    origins: frozenset[str]
    not_before: datetime
    not_after: datetime | None
    tenant_is_active: bool

    def is_current(self, now: datetime) -> bool:
        """Whether the key counts at this moment."""
        return self.not_before <= now and (self.not_after is None or now < self.not_after)


class KeyRing:
    """All keys as they were at one moment."""

    def __init__(self, keys: Iterable[Key] = (), unreadable: Iterable[str] = ()) -> None:
        """Hold keys.

        Args:
            keys: The opened ones.
            unreadable: The kinds of those that did not open.
        """
        self.unreadable = frozenset(unreadable)
        self._by_tenant: dict[str, dict[UUID, list[Key]]] = {}
        self._by_lookup: dict[tuple[str, str], Key] = {}
        self.size = 0
        for key in keys:
            self.size += 1
            self._by_tenant.setdefault(key.kind, {}).setdefault(key.tenant_id, []).append(key)
            if key.lookup_sha256 is not None:
                self._by_lookup[key.kind, key.lookup_sha256] = key

    def find(self, kind: str, value: str, now: datetime) -> Key | None:
        """The key that is named by its value: a form key or a verify token."""
        key = self._by_lookup.get((kind, fingerprint(value.encode("utf-8", "replace"))))
        return key if key is not None and key.is_current(now) else None

    def signers(
        self, kind: str, proof: Proof, body: bytes, now: datetime, hint: UUID | None = None
    ) -> list[Key]:
        """The keys that sign this body: at most one per tenant.

        Args:
            kind: ``crm`` or ``whatsapp``.
            proof: What the request offers.
            body: The exact bytes that came.
            now: Keys count from and until a time.
            hint: The tenant to try first; where it matches, nobody else is tried.
        """
        by_tenant = self._by_tenant.get(kind, {})
        if hint is not None and (key := _signer(by_tenant.get(hint, ()), proof, body, now)):
            return [key]
        found = (_signer(keys, proof, body, now) for keys in by_tenant.values())
        return [key for key in found if key is not None]

    def work(self, kind: str, body: bytes) -> int:
        """How many bytes must be hashed to try everybody."""
        return len(body) * sum(map(len, self._by_tenant.get(kind, {}).values()))


def _signer(keys: Sequence[Key], proof: Proof, body: bytes, now: datetime) -> Key | None:
    """A tenant's key that signs; all of them are tried, so that time does not tell which."""
    found: Key | None = None
    for key in keys:
        if proof.is_signed_by(key.secret, body) and key.is_current(now):
            found = key
    return found


class Keys:
    """The ring, kept fresh."""

    def __init__(
        self,
        load: Callable[[], KeyRing],
        limits: Limits,
        monotonic: Callable[[], float],
    ) -> None:
        """Keep a ring.

        Args:
            load: Reads all keys; called in a thread.
            limits: How old the ring may become.
            monotonic: Seconds that only grow.
        """
        self._load = load
        self._limits = limits
        self._monotonic = monotonic
        self._ring: KeyRing | None = None
        self._loaded_at = 0.0
        self._loading: asyncio.Task[KeyRing] | None = None

    async def current(self) -> KeyRing:
        """The ring, fresh enough.

        Raises:
            Unavailable: The keys cannot be read, and the last ones are too old.
        """
        age = self._age()
        if self._ring is None or age > self._limits.stale_key_seconds:
            return await self._fresh()
        if age > self._limits.key_seconds:
            self._begin()
        return self._ring

    async def after_miss(self) -> KeyRing:
        """The ring read again, for a request that matched nothing: its key may be newer than the ring.

        All who wait share one reading, and readings keep a distance: strangers must not drive the database.

        Raises:
            Unavailable: The keys cannot be read.
        """
        if self._loading is not None:
            # It may have begun before the key was made.
            await asyncio.wait({self._loading})
        await asyncio.sleep(max(0.0, self._limits.reload_seconds - self._age()))
        return await self._fresh()

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._loading is not None:
            await asyncio.wait({self._loading})

    def _age(self) -> float:
        return self._monotonic() - self._loaded_at

    async def _fresh(self) -> KeyRing:
        loading = self._begin()
        # Others wait for the same task: one that goes away must not cancel it.
        await asyncio.wait({loading})
        if loading.exception() is not None:
            raise Unavailable("keys_unavailable", "The keys cannot be read now.")
        return loading.result()

    def _begin(self) -> asyncio.Task[KeyRing]:
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
            self._loading.add_done_callback(self._finish)
        return self._loading

    def _finish(self, loading: asyncio.Task[KeyRing]) -> None:
        self._loading = None
        if loading.cancelled() or loading.exception() is not None:
            _log.error("keys_unavailable", exc_info=loading.exception())
            return
        self._ring = loading.result()
        self._loaded_at = self._monotonic()


def load_ring(warehouse: Warehouse, vault: Vault) -> KeyRing:
    """Read and open every key. One that does not open is counted and left out: it must not silence the others.

    Raises:
        Unavailable: The database does not answer.
    """
    try:
        with warehouse.shared() as connection:
            rows = list(connection.execute(_QUERIES.list_keys))
    except SQLAlchemyError as error:
        raise Unavailable("keys_unavailable", "The keys cannot be read now.") from error
    keys: list[Key] = []
    unreadable: list[str] = []
    for row in rows:
        try:
            keys.append(_open(row, vault))
        except (SecretUnreadable, SecretMalformed):
            unreadable.append(row.kind)
            _log.error("key_unreadable", extra={"tenant_id": row.tenant_id, "key_id": row.key_id})
    return KeyRing(keys, unreadable)


def _open(row: Any, vault: Vault) -> Key:
    sealed_in = key_place(row.tenant_id, row.kind, row.key_id)
    secret = vault.decrypt(bytes(row.secret), sealed_in)
    if row.kind == CRM:
        secret = read_standard_secret(secret)
    if not secret:
        raise SecretMalformed("the secret is empty")
    return Key(
        tenant_id=row.tenant_id,
        key_id=row.key_id,
        kind=row.kind,
        secret=secret,
        lookup_sha256=row.lookup_sha256,
        origins=frozenset(origin.lower().rstrip("/") for origin in row.origins),
        not_before=row.not_before,
        not_after=row.not_after,
        tenant_is_active=row.is_active,
    )
