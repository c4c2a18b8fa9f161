"""Routes: which outcome goes to which platform as which action, and making an account with the usual ones.

Belongs here: the defaults, and installing an account. Lives elsewhere: reading accounts (``accounts.py``), what a
route means for one conversion (dbt's ``delivery_plan``), what an account may be configured with
(``accounts/config.py``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.deliveries.accounts.accounts import credential_place
from orchestration.deliveries.accounts.config import AccountRefused as AccountRefused
from orchestration.deliveries.accounts.config import check_config
from orchestration.deliveries.conversion import Account
from orchestration.deliveries.destinations.tiktok_sources import SOURCE_FIELDS
from orchestration.warehouse import sql
from orchestration.warehouse.secrets import Vault

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "routes.sql")


@dataclass(frozen=True, slots=True)
class Route:
    """An outcome's action at a platform.

    Attributes:
        action: Google's category, Meta's and TikTok's event name.
        with_value: Whether the money goes with it.
    """

    action: str
    with_value: bool = False


# Google: categories of UPLOAD_CLICKS actions. Meta: a qualified lead gets a name of its own, as a second "Lead" would
# count twice. TikTok: offline events know standard names only.
DEFAULT_ROUTES: dict[str, dict[str, Route]] = {
    "google": {
        "qualified_lead": Route("QUALIFIED_LEAD"),
        "appointment": Route("BOOK_APPOINTMENT"),
        "enrollment": Route("CONVERTED_LEAD"),
        "purchase": Route("PURCHASE", with_value=True),
    },
    "meta": {
        "qualified_lead": Route("QualifiedLead"),
        "appointment": Route("Schedule"),
        "enrollment": Route("CompleteRegistration"),
        "purchase": Route("Purchase", with_value=True),
    },
    "tiktok": {
        "qualified_lead": Route("Lead"),
        "appointment": Route("Schedule"),
        "enrollment": Route("CompleteRegistration"),
        "purchase": Route("Purchase", with_value=True),
    },
}

_CREDENTIAL_NAMES = {
    "google": frozenset({"access_token", "client_id", "client_secret", "refresh_token"}),
    "meta": frozenset({"access_token", "app_secret"}),
    "tiktok": frozenset({"access_token"}),
}
_REFRESHABLE = {"client_id", "client_secret", "refresh_token"}
_ACCOUNT_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# A platform knows a repeat within the place that it went to: moved there while it may have arrived, it counts twice.
_PLACES = {
    "google": dict[str, str](),
    "meta": {"dataset_id": "%"},
    "tiktok": {field: lane for lane, field in SOURCE_FIELDS.items()},
}


def install_account(
    warehouse: Warehouse,
    tenant_id: UUID,
    platform: str,
    account_id: str,
    config: Mapping[str, str] | None = None,
    credentials: Mapping[str, str] | None = None,
    action_ids: Mapping[str, str] | None = None,
) -> None:
    """Add an account with its sealed credentials and the default routes, or renew what it has.

    A route that is there keeps what the tenant chose for it; only its action id is renewed.

    Args:
        warehouse: As role worker.
        tenant_id: Whose account.
        platform: ``google``, ``meta`` or ``tiktok``.
        account_id: Google's customer number, Meta's dataset, TikTok's pixel or any name of it.
        config: What the platform needs beside it; see ``account_config.NAMES``.
        credentials: See ``_CREDENTIAL_NAMES``.
        action_ids: Google only: outcome → conversion action id; outcomes without one get no route.

    Raises:
        AccountRefused: A value is missing or not of its kind, or events that may have arrived would go elsewhere.
    """
    if platform not in DEFAULT_ROUTES:
        raise AccountRefused(f"{platform!r} is no platform; use {', '.join(DEFAULT_ROUTES)}")
    account = Account(
        tenant_id,
        platform,
        _clean_id(platform, account_id),
        _complete(platform, account_id, config),
    )
    check_config(account)
    _check_credentials(platform, credentials or {})
    routes = _choose_routes(platform, action_ids or {})
    vault = Vault.of(warehouse.settings)
    with warehouse.tenant(tenant_id) as connection:
        _refuse_move(connection, account)
        connection.execute(
            _QUERIES.upsert_account, account.key | {"config": json.dumps(dict(account.config))}
        )
        _seal(connection, vault, account, credentials or {})
        for kind, (route, action_id) in routes.items():
            connection.execute(
                _QUERIES.upsert_route,
                account.key
                | {
                    "conversion_kind": kind,
                    "action": route.action,
                    "action_id": action_id,
                    "with_value": route.with_value,
                },
            )
        connection.execute(
            _QUERIES.note_installation,
            {"tenant_id": tenant_id, "object": f"{platform} {account.account_id}"},
        )


def _clean_id(platform: str, account_id: str) -> str:
    cleaned = account_id.replace("-", "") if platform == "google" else account_id
    if not _ACCOUNT_ID.fullmatch(cleaned) or (platform == "google" and not cleaned.isdigit()):
        raise AccountRefused(f"{account_id!r} is no {platform} account id")
    return cleaned


def _complete(platform: str, account_id: str, config: Mapping[str, str] | None) -> dict[str, str]:
    """Fill in what the account's own number says."""
    given = {name: str(value) for name, value in (config or {}).items() if value}
    match platform:
        case "google":
            given = {name: value.replace("-", "") for name, value in given.items()}
            return {"ads_customer_id": _clean_id(platform, account_id), **given}
        case "meta":
            return given if account_id.startswith("act_") else {"dataset_id": account_id, **given}
        case _:
            return {"pixel_code": account_id, **given}


def _refuse_move(connection: Connection, account: Account) -> None:
    """Refuse to let events go elsewhere while some that may have arrived are not settled."""
    known = connection.execute(_QUERIES.read_config, account.key).scalar_one_or_none() or {}
    for name, lane in _PLACES[account.platform].items():
        if not known.get(name) or known[name] == account.config.get(name):
            continue
        count = connection.execute(
            _QUERIES.count_unsettled, account.key | {"lane": lane}
        ).scalar_one()
        if count:
            raise AccountRefused(
                f"{count} events may have arrived under {name}={known[name]} and would count again elsewhere: wait "
                "until they are settled, two days at most, or add the new one as an account of its own"
            )


def _check_credentials(platform: str, credentials: Mapping[str, str]) -> None:
    known = _CREDENTIAL_NAMES[platform]
    if credentials.keys() - known:
        raise AccountRefused(f"{platform} credentials are: {', '.join(sorted(known))}")
    has_refresh = platform == "google" and credentials.keys() >= _REFRESHABLE
    if credentials and not (credentials.get("access_token") or has_refresh):
        raise AccountRefused(
            "give an access_token"
            + (", or client_id, client_secret and refresh_token" if platform == "google" else "")
        )


def _choose_routes(
    platform: str, action_ids: Mapping[str, str]
) -> dict[str, tuple[Route, str | None]]:
    defaults = DEFAULT_ROUTES[platform]
    if platform != "google":
        if action_ids:
            raise AccountRefused(f"{platform} actions have names, not ids; leave them out")
        return {kind: (route, None) for kind, route in defaults.items()}
    unknown = sorted(action_ids.keys() - defaults.keys())
    if unknown or not action_ids:
        raise AccountRefused(
            "name the conversion action of each outcome that Google shall learn from, "
            f"such as purchase=123456789; outcomes: {', '.join(defaults)}"
        )
    if not all(value.isascii() and value.isdigit() for value in action_ids.values()):
        raise AccountRefused("a conversion action id is a number, such as 123456789")
    return {kind: (defaults[kind], action_id) for kind, action_id in action_ids.items()}


def _seal(
    connection: Connection, vault: Vault, account: Account, credentials: Mapping[str, str]
) -> None:
    if credentials:
        # Old fields would mix with the new ones: a refresh token of one client with the secret of another.
        connection.execute(_QUERIES.delete_credentials, account.key)
    for name, secret in credentials.items():
        sealed = vault.encrypt(secret.encode(), credential_place(account, name))
        connection.execute(
            _QUERIES.insert_credential, account.key | {"field": name, "ciphertext": sealed}
        )
