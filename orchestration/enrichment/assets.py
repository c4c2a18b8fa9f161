"""The two assets of the stage: landings and identifiers, each over what is new, tenant by tenant.

Belongs here: names, retries, what a run reports. Lives elsewhere: everything it does (``vault``).
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

import dagster as dg

from orchestration.enrichment.vault import (
    IdentifierTally,
    LandingTally,
    parse_new_landings,
    read_new_identifiers,
)
from orchestration.warehouse.resource import WarehouseResource
from orchestration.warehouse.secrets import Vault

# What fails here passes by itself: a lost connection, or a lock that another run holds.
_RETRIES = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
_PREVIEW_ROWS = 20
_PLAIN_SOURCE = re.compile(r"(?!.*\d{5})[\w .-]{1,40}")
_OTHER = "(other)"


@dg.asset(
    key=["vault", "landings"],
    deps=[dg.AssetKey(["staging", "stg_landings__values"])],
    group_name="enrichment",
    kinds={"python", "postgres"},
    owners=["team:data"],
    tags={"pii": "true"},
    retry_policy=_RETRIES,
)
def landings(warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per distinct landing URL or message text of a tenant: the parameters of the click.

    Reads what is new in staging, or was parsed by an older parser.
    """
    tally = LandingTally()
    with warehouse.open() as pool:
        for tenant in pool.tenants():
            with pool.tenant(tenant.tenant_id) as connection:
                parse_new_landings(connection, tenant.tenant_id, tally, now=datetime.now(UTC))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": tally.new_count,
            "renewed_count": tally.renewed_count,
            "without_landing_url_count": tally.placeless_count,
            "preview": dg.MetadataValue.md(preview_sources(tally.sources)),
        }
    )


@dg.asset(
    key=["vault", "identifiers"],
    deps=[dg.AssetKey(["staging", "stg_identifiers__values"])],
    group_name="enrichment",
    kinds={"python", "postgres"},
    owners=["team:data"],
    tags={"pii": "true"},
    retry_policy=_RETRIES,
)
def identifiers(warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per distinct identifier of a tenant and platform: its normalized form, hash and token.

    Reads what is new in staging, or was read by older rules. A value that cannot be used has the
    code of its reason and no hash.
    """
    tally = IdentifierTally()
    secrets = Vault.of(warehouse.settings())
    with warehouse.open() as pool:
        for tenant in pool.tenants():
            with pool.tenant(tenant.tenant_id) as connection:
                read_new_identifiers(
                    connection,
                    tenant.tenant_id,
                    tally,
                    pepper=secrets.pepper(tenant.tenant_id),
                    now=datetime.now(UTC),
                )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": tally.new_count,
            "renewed_count": tally.renewed_count,
            "prehashed_count": tally.prehashed_count,
            "refused_count": tally.refusals.total(),
            "preview": dg.MetadataValue.md(_table("reason", tally.refusals.most_common())),
        }
    )


def preview_sources(sources: Counter[str]) -> str:
    """Show how often each ``utm_source`` was found, as a Markdown table.

    Whoever writes a URL writes its source: what does not look like the name of one may be an
    address, a number or markup, and is counted together under ``(other)``.
    """
    shown: Counter[str] = Counter()
    for source, count in sources.items():
        shown[source if _PLAIN_SOURCE.fullmatch(source) else _OTHER] += count
    ranked = shown.most_common()
    rest = sum(count for _, count in ranked[_PREVIEW_ROWS:])
    return _table("utm_source", ranked[:_PREVIEW_ROWS] + ([("(rest)", rest)] if rest else []))


def _table(title: str, counts: list[tuple[str, int]]) -> str:
    lines = [f"| {title} | count |", "| --- | ---: |"]
    return "\n".join(lines + [f"| {name} | {count} |" for name, count in counts])


def definitions() -> dg.Definitions:
    """The assets of the stage."""
    return dg.Definitions(assets=[landings, identifiers])
