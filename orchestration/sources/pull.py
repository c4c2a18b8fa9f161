"""The pull: every list of every account of every tenant, page by page, into ``raw.records``.

One account that cannot be read stops its own list and nothing else; what failed is collected with its code and
reported when all others are done.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from orchestration.sources import google_ads, meta_ads, tiktok_ads
from orchestration.sources.accounts import list_accounts
from orchestration.sources.loader import Listing, Record, finish_listing, store_page
from orchestration.vendors.errors import RequestRefused, RouteBlocked, VendorError
from orchestration.warehouse.secrets import SecretUnreadable, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

    from orchestration.settings import Settings
    from orchestration.sources.accounts import Account
    from orchestration.warehouse import Warehouse


class Client(Protocol):
    """What each platform's client can do; a page is a list of rows as the platform words them."""

    def campaigns(self, account_id: str, /) -> Iterator[list[dict[str, Any]]]:
        """The pages of all campaigns."""
        ...

    def adgroups(self, account_id: str, /) -> Iterator[list[dict[str, Any]]]:
        """The pages of all ad groups."""
        ...

    def close(self) -> None:
        """Let go of the connections."""
        ...


class Source(Protocol):
    """What each platform's module holds, under the same names."""

    PLATFORM: str
    SYSTEM: str
    find_account_id: Callable[[Account], str | None]
    open_client: Callable[[Settings, Account, Mapping[str, str]], Any]
    read_campaign: Callable[[Mapping[str, Any], str], Record]
    read_adgroup: Callable[[Mapping[str, Any], str], Record]


SOURCES: dict[str, Any] = {module.PLATFORM: module for module in (google_ads, meta_ads, tiktok_ads)}


@dataclass(frozen=True)
class Failure:
    """An account that could not be read, and the code that says why.

    Attributes:
        is_lasting: Whether trying again soon is useless: an operator must act.
    """

    tenant_id: UUID
    platform: str
    account_id: str
    code: str
    is_lasting: bool

    def __str__(self) -> str:
        """Ids and the code; nothing else is in it."""
        return f"{self.platform} account {self.account_id} of tenant {self.tenant_id}: {self.code}"


@dataclass
class PullReport:
    """What a pull read, stored and failed to read; counters are keyed by (platform, object)."""

    read: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    stored: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    deleted: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    accounts: int = 0
    without_lists: int = 0
    failures: list[Failure] = field(default_factory=list[Failure])


def pull_all(warehouse: Warehouse, now: datetime) -> PullReport:
    """Pull the lists of every active account of every active tenant.

    Args:
        warehouse: As the worker; its settings say where the platforms are.
        now: Written into the cursors as the time of this pull.
    """
    report = PullReport()
    vault = Vault.of(warehouse.settings)
    for tenant in warehouse.tenants():
        for account in list_accounts(warehouse, tenant.tenant_id):
            if warehouse.settings.may_reach(account.config):
                _pull_account(warehouse, vault, account, now, report)
    return report


def _pull_account(
    warehouse: Warehouse, vault: Vault, account: Account, now: datetime, report: PullReport
) -> None:
    source: Source = SOURCES[account.platform]
    listed_account_id = source.find_account_id(account)
    if listed_account_id is None:
        report.without_lists += 1
        return
    report.accounts += 1
    try:
        credentials = account.open_credentials(vault)
        client: Client
        with closing(source.open_client(warehouse.settings, account, credentials)) as client:
            pull_account(warehouse, source, client, account, listed_account_id, now, report)
    except VendorError as error:
        is_lasting = isinstance(error, RouteBlocked | RequestRefused)
        report.failures.append(_failure(account, error.code, is_lasting=is_lasting))
    except SecretUnreadable:
        report.failures.append(_failure(account, "credential_unreadable", is_lasting=True))


def pull_account(
    warehouse: Warehouse,
    source: Source,
    client: Client,
    account: Account,
    listed_account_id: str,
    now: datetime,
    report: PullReport,
) -> None:
    """Pull one account's lists with an open client, and add to the report.

    Raises:
        VendorError: A list could not be read to its end; its pages so far are stored.
    """
    lists = (
        ("campaign", client.campaigns, source.read_campaign),
        ("adgroup", client.adgroups, source.read_adgroup),
    )
    for name, pages, read in lists:
        listing = Listing(account.tenant_id, source.SYSTEM, name, listed_account_id)
        key = (account.platform, name)
        seen: set[str] = set()
        place: dict[str, Any] = {"started_at": now.isoformat(), "pages": 0, "is_complete": False}
        for page in pages(listed_account_id):
            records = [read(row, listed_account_id) for row in page]
            seen.update(record.record_id for record in records)
            place["pages"] += 1
            report.stored[key] += store_page(warehouse, listing, records, place)
            report.read[key] += len(records)
        place = {**place, "is_complete": True, "rows": len(seen)}
        report.deleted[key] += finish_listing(warehouse, listing, seen, place)


def _failure(account: Account, code: str, *, is_lasting: bool) -> Failure:
    return Failure(account.tenant_id, account.platform, account.account_id, code, is_lasting)
