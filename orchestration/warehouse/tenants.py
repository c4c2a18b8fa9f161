"""Tenants: making one, and its keys.

A tenant's keys are shown once, when they are made; the warehouse keeps them sealed (``ops.intake_keys``).
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError

from orchestration.warehouse import addresses, sql
from orchestration.warehouse.secrets import Vault

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from orchestration.settings import Settings

_QUERIES = sql.load(__file__, "tenants.sql")
_SECRET_BYTES = 32
_META_ID = re.compile(r"[0-9]{1,32}")


class TenantRefused(Exception):
    """The tenant cannot be made as asked; the message says which value to change."""


@dataclass(frozen=True)
class NewTenant:
    """A tenant just made, with the keys that are shown this once.

    Attributes:
        tenant_id: Its id in every table and in the CRM's requests.
        name: As given.
        form_key: The last part of ``/webhooks/forms/{key}``.
        crm_secret: Signs CRM requests: a Standard Webhooks secret, ``whsec_`` and base64.
        whatsapp_app_secret: Signs WhatsApp notifications (``X-Hub-Signature-256``).
        whatsapp_verify_token: Answers WhatsApp's subscription handshake.
    """

    tenant_id: UUID
    name: str
    form_key: str
    crm_secret: str
    whatsapp_app_secret: str
    whatsapp_verify_token: str

    def as_json(self) -> dict[str, str]:
        """The same, as JSON values."""
        return {key: str(value) for key, value in asdict(self).items()}


def create_tenant(
    settings: Settings,
    name: str,
    *,
    region: str = "TR",
    timezone: str = "Europe/Istanbul",
    currency: str = "TRY",
    unknown_consent: str = "hold",
    whatsapp_accounts: Collection[str] = (),
) -> NewTenant:
    """Make a tenant, its keys and its first consent policy, in one transaction.

    WhatsApp signs with the Meta app's own secret: ``settings.whatsapp_app_secret``, else a random one. Tenants that
    share an app share its secret: each must then name its accounts.

    Args:
        settings: Where the warehouse is.
        name: Shown to people; unique.
        region: Default country of phone numbers, two capital letters.
        timezone: Days are this zone's days.
        currency: ISO 4217; used where a conversion names none.
        unknown_consent: What its first policy does where nobody said: ``hold`` or ``send``.
        whatsapp_accounts: Ids of its WhatsApp Business Accounts, or of single phone numbers; none: whatever its
            app secret signs, as long as nobody shares it.

    Raises:
        TenantRefused: The name or an account is taken, or a value is not of its kind.
    """
    _check(region, timezone, currency)
    accounts = _check_accounts(whatsapp_accounts)
    app_secret = settings.whatsapp_app_secret
    tenant = NewTenant(
        tenant_id=uuid4(),
        name=name,
        form_key=secrets.token_urlsafe(24),
        crm_secret="whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode(),
        whatsapp_app_secret=(
            app_secret.get_secret_value() if app_secret else secrets.token_hex(_SECRET_BYTES)
        ),
        whatsapp_verify_token=secrets.token_urlsafe(24),
    )
    row = {
        "tenant_id": tenant.tenant_id,
        "name": name,
        "region": region,
        "timezone": timezone,
        "currency": currency,
    }
    # Making a tenant is the operator's act: no service role may do it.
    engine = create_engine(addresses.admin_url(settings), hide_parameters=True)
    try:
        with engine.begin() as connection:
            connection.execute(_QUERIES.become_keeper)
            _require_unnamed(connection, tenant.tenant_id, accounts)
            connection.execute(_QUERIES.insert_tenant, row)
            connection.execute(
                _QUERIES.insert_policy,
                {"tenant_id": tenant.tenant_id, "unknown_consent": unknown_consent},
            )
            _insert_keys(connection, Vault.of(settings), tenant, accounts)
    except IntegrityError as error:
        raise TenantRefused(
            f"a tenant named {name!r} exists already, or a value is refused"
        ) from error
    finally:
        engine.dispose()
    return tenant


def name_whatsapp_accounts(settings: Settings, tenant_id: UUID, accounts: Collection[str]) -> None:
    """Say which WhatsApp accounts a tenant has, in place of what was said before.

    Args:
        settings: Where the warehouse is.
        tenant_id: Whose accounts.
        accounts: As ``create_tenant`` has them.

    Raises:
        TenantRefused: An account is another tenant's, or is no id.
    """
    named = _check_accounts(accounts)
    engine = create_engine(addresses.admin_url(settings), hide_parameters=True)
    try:
        with engine.begin() as connection:
            connection.execute(_QUERIES.become_keeper)
            _require_unnamed(connection, tenant_id, named)
            connection.execute(_QUERIES.name_accounts, {"tenant_id": tenant_id, "accounts": named})
    finally:
        engine.dispose()


def find_tenant(settings: Settings, name_or_id: str | None) -> UUID:
    """The id of an active tenant, by its name or its id; without either, of the only one there is.

    Raises:
        TenantRefused: There is no such tenant, or none is named and there is not just one; the message lists
            the names that are there.
    """
    from orchestration.warehouse.connections import Warehouse

    with Warehouse(settings, "worker") as warehouse:
        tenants = warehouse.tenants()
    if name_or_id is None and len(tenants) == 1:
        return tenants[0].tenant_id
    for tenant in tenants:
        if name_or_id in (tenant.name, str(tenant.tenant_id)):
            return tenant.tenant_id
    known = ", ".join(repr(tenant.name) for tenant in tenants) or "none yet"
    if name_or_id is None:
        raise TenantRefused(f"name the tenant with --tenant; there are: {known}")
    raise TenantRefused(f"no tenant {name_or_id!r}; there are: {known}")


def read_keys(settings: Settings, tenant_id: UUID) -> dict[str, str]:
    """A tenant's newest keys, opened, by kind (``crm``, ``form``, ``whatsapp``, ``whatsapp_verify``).

    For the operator's own tools, such as the demonstration that signs traffic; services never call it.
    """
    engine = create_engine(addresses.admin_url(settings), hide_parameters=True)
    vault = Vault.of(settings)
    try:
        with engine.begin() as connection:
            connection.execute(_QUERIES.become_keeper)
            rows: list[Any] = list(connection.execute(_QUERIES.read_keys, {"tenant_id": tenant_id}))
    finally:
        engine.dispose()
    return {
        row.kind: vault.decrypt(
            bytes(row.secret), key_place(tenant_id, row.kind, row.key_id)
        ).decode()
        for row in rows
    }


def key_place(tenant_id: UUID, kind: str, key_id: str) -> str:
    """The associated data under which an intake key is sealed."""
    return f"{tenant_id}|intake|{kind}|{key_id}"


def _check(region: str, timezone: str, currency: str) -> None:
    import phonenumbers

    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise TenantRefused(f"{region!r} is no region; use two capital letters, such as TR")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise TenantRefused(
            f"{timezone!r} is no time zone; use a name such as Europe/Istanbul"
        ) from error
    if not (
        len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()
    ):
        raise TenantRefused(f"{currency!r} is no currency; use three capital letters, such as TRY")


def _check_accounts(accounts: Collection[str]) -> list[str]:
    for account in accounts:
        if not _META_ID.fullmatch(account):
            raise TenantRefused(
                f"{account!r} is no id of a WhatsApp Business Account or phone number; use its digits"
            )
    return sorted(set(accounts))


def _require_unnamed(connection: Connection, tenant_id: UUID, accounts: list[str]) -> None:
    """Two tenants that name one account would both get nothing of it."""
    values = {"tenant_id": tenant_id, "accounts": accounts}
    taken: list[Any] = list(connection.execute(_QUERIES.list_named_accounts, values).scalars())
    if taken:
        raise TenantRefused(f"another tenant names the WhatsApp account {', '.join(taken)} already")


def _insert_keys(
    connection: Connection, vault: Vault, tenant: NewTenant, whatsapp_accounts: list[str]
) -> None:
    keys = {
        "crm": (tenant.crm_secret, None),
        "form": (tenant.form_key, _sha256(tenant.form_key)),
        "whatsapp": (tenant.whatsapp_app_secret, None),
        "whatsapp_verify": (tenant.whatsapp_verify_token, _sha256(tenant.whatsapp_verify_token)),
    }
    for kind, (secret, lookup) in keys.items():
        key_id = f"{kind}-{secrets.token_hex(4)}"
        connection.execute(
            _QUERIES.insert_key,
            {
                "tenant_id": tenant.tenant_id,
                "key_id": key_id,
                "kind": kind,
                "secret": vault.encrypt(secret.encode(), key_place(tenant.tenant_id, kind, key_id)),
                "lookup_sha256": lookup,
                "origins": whatsapp_accounts if kind == "whatsapp" else [],
            },
        )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
