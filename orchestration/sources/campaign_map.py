"""Names of campaigns and ad groups that people give; theirs win over the platforms' own lists.

A rename closes the entry before it, so that a report can be run as of a day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.warehouse import sql

if TYPE_CHECKING:
    from uuid import UUID

    from orchestration.warehouse import Warehouse

_QUERIES = sql.load(__file__, "campaign_map.sql")
_LEVELS = ("campaign", "adgroup")
_LONGEST_ID = 128
_LONGEST_NAME = 512


class NameRefused(Exception):
    """The entry cannot be recorded as given; the message says what to change."""

    is_refusal = True


def record_name(
    warehouse: Warehouse,
    tenant_id: UUID,
    platform: str,
    level: str,
    external_id: str,
    name: str,
    *,
    recorded_by: str = "command line",
) -> None:
    """Record a person's name for a campaign or ad group, valid from now on.

    Args:
        warehouse: As the worker.
        tenant_id: Whose campaign it is.
        platform: ``google``, ``meta``, ``tiktok`` or another platform's name in lower case.
        level: ``campaign`` or ``adgroup``.
        external_id: Its id at the platform.
        name: At most 512 characters.
        recorded_by: Who says so.

    Raises:
        NameRefused: A value is empty, too long or not of its kind.
    """
    if level not in _LEVELS:
        raise NameRefused(f"{level!r} is no level; use campaign or adgroup")
    if not 1 <= len(external_id.strip()) <= _LONGEST_ID:
        raise NameRefused(f"an id has 1 to {_LONGEST_ID} characters")
    if not 1 <= len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
        raise NameRefused(f"a name has 1 to {_LONGEST_NAME} printable characters")
    entry = {
        "tenant_id": tenant_id,
        "platform": platform.strip().lower(),
        "level": level,
        "external_id": external_id.strip(),
        "name": name.strip(),
        "recorded_by": recorded_by,
    }
    with warehouse.tenant(tenant_id) as connection:
        connection.execute(_QUERIES.close_entry, entry)
        connection.execute(_QUERIES.insert_entry, entry)
