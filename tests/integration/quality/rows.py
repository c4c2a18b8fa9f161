"""Rows for tests: a table's name and the columns that matter; the rest is filled in.

The connection is a superuser's, so that rows of any tenant can be put into tables that dbt builds.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

# Columns that a table cannot do without, given a serial number and the moment of arrival.
FILLED: dict[str, Callable[[int, datetime], dict[str, Any]]] = {
    "raw.events": lambda n, at: {
        "source": "form",
        "dedupe_key": f"key-{n}",
        "received_at": at,
        "occurred_at": at,
        "payload": Jsonb({}),
        "body_sha256": digest(n),
    },
    "raw.quarantine": lambda n, at: {
        "source": "form",
        "received_at": at,
        "reason": "not_json",
        "body": b"?",
        "body_sha256": digest(n),
    },
    "raw.records": lambda n, at: {
        "system": "csv",
        "object": "lead",
        "record_id": f"record-{n}",
        "version": 1,
        "seen_at": at,
        "payload": Jsonb({}),
        "payload_sha256": digest(n),
    },
    "staging.stg_intake__sender_counts": lambda n, at: {
        "source": "form",
        "day": at.date() - timedelta(days=2),
        "sent_count": n,
        "received_at": at,
    },
    "staging.stg_forms__submissions": lambda n, at: {
        "dedupe_key": f"key-{n}",
        "touch_id": f"touch-{n}",
        "lead_id": f"lead-{n}",
        "submitted_at": at,
        "received_at": at,
    },
    "staging.stg_whatsapp__messages": lambda n, at: {
        "message_id": f"message-{n}",
        "touch_id": f"touch-{n}",
        "sent_at": at,
        "received_at": at,
    },
    "staging.stg_csv__leads": lambda n, at: {
        "record_id": f"record-{n}",
        "version": 1,
        "touch_id": f"touch-{n}",
        "lead_id": f"lead-{n}",
        "created_at": at,
        "received_at": at,
    },
    "staging.stg_crm__conversions": lambda n, at: {
        "dedupe_key": f"key-{n}",
        "conversion_id": f"conversion-{n}",
        "kind": "purchase",
        "converted_at": at,
        "received_at": at,
        "is_reversed": False,
    },
    "staging.stg_csv__deals": lambda n, at: {
        "record_id": f"record-{n}",
        "version": 1,
        "conversion_id": f"conversion-{n}",
        "kind": "purchase",
        "converted_at": at,
        "received_at": at,
        "is_reversed": False,
    },
    "staging.stg_landings__values": lambda n, at: {
        "landing_key": digest(n),
        "kind": "url",
        "raw_value": f"https://akademi.example/{n}",
        "received_at": at,
    },
    "staging.stg_identifiers__values": lambda n, at: {
        "kind": "email",
        "raw_value": f"{n}@example.com",
        "region": "TR",
        "received_at": at,
    },
    "staging.stg_ads__campaigns": lambda n, at: {
        "platform": "google",
        "level": "campaign",
        "external_id": f"{n}",
        "version": 1,
        "received_at": at,
    },
    "vault.landings": lambda n, at: {
        "landing_key": digest(n),
        "kind": "url",
        "parser_version": 1,
        "parsed_at": at,
    },
    "vault.identifiers": lambda n, at: {
        "kind": "email",
        "raw_value": f"{n}@example.com",
        "platform": "google",
        "normalized": f"{n}@example.com",
        "sha256": digest(n),
        "rules_version": 1,
        "seen_at": at,
    },
    "marts.fct_touches": lambda n, at: {
        "touch_id": f"touch-{n}",
        "source": "form",
        "touched_at": at,
        "received_at": at,
        "lead_id": f"lead-{n}",
    },
    "marts.fct_leads": lambda n, at: {
        "lead_id": f"lead-{n}",
        "source": "form",
        "created_at": at,
        "received_at": at,
        "person_id": f"person-{n}",
        "utm_source": "facebook",
        "campaign_id": "120210000000000001",
        "campaign_name": "Bahar Kampanyası",
        "adgroup_id": "120210000000000101",
    },
    "marts.fct_conversions": lambda n, at: {
        "conversion_id": f"conversion-{n}",
        "kind": "purchase",
        "converted_at": at,
        "received_at": at,
        "source": "crm",
        "crm_record_id": f"record-{n}",
        "lead_id": f"lead-{n}",
        "is_reversed": False,
    },
    "staging.stg_intake__consents": lambda n, at: {
        "dedupe_key": f"key-{n}",
        "crm_record_id": f"record-{n}",
        "status": "denied",
        "changed_at": at,
        "received_at": at,
    },
    "marts.fct_consents": lambda n, at: {
        "consent_id": f"consent-{n}",
        "subject_kind": "lead",
        "subject_id": f"lead-{n}",
        "status": "granted",
        "changed_at": at,
        "received_at": at,
        "known_at": at,
        "source": "form",
    },
    "marts.fct_attribution": lambda n, at: {
        "conversion_id": f"conversion-{n}",
        "model": "first",
        "touch_id": "",
        "credit": 1,
    },
    "marts.wapim_daily": lambda n, at: {
        "day": at.date(),
        "lead_id": f"lead-{n}",
        "message_count": 1,
        "first_message_at": at,
    },
    "marts.delivery_plan": lambda n, at: {
        "conversion_id": f"conversion-{n}",
        "platform": "meta",
        "account_id": "9001",
        "decision": "send",
        "reason": "eligible",
        "kind": "purchase",
        "converted_at": at,
    },
    "ops.accounts": lambda n, at: {
        "platform": "meta",
        "account_id": "9001",
        "config": Jsonb({"ad_account_id": "act_9001"}),
        "created_at": at - timedelta(days=30),
    },
    "ops.cursors": lambda n, at: {
        "system": "meta_ads",
        "object": "campaign",
        "cursor": Jsonb({}),
    },
    "ops.deliveries": lambda n, at: {
        "delivery_id": digest(n),
        "platform": "meta",
        "account_id": "9001",
        "action": "Purchase",
        "conversion_id": f"conversion-{n}",
        "event_id": digest(n),
        "state": "accepted",
        "reason": "taken",
    },
    "ops.delivery_stops": lambda n, at: {
        "platform": "meta",
        "account_id": "9001",
        "kind": "credential",
        "code": "190",
        "stopped_by": "sender",
        "stopped_at": at,
    },
    "marts.delivery_quality": lambda n, at: {
        "platform": "meta",
        "account_id": "9001",
        "day": at.date() - timedelta(days=n),
        "sent": 50,
        "accepted": 50,
        "built_at": at,
    },
}


def digest(number: int) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(str(number).encode()).hexdigest()


@dataclass
class Rows:
    """Puts one tenant's rows into tables."""

    connection: psycopg.Connection
    tenant_id: UUID
    now: datetime
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def ago(self, **span: float) -> datetime:
        """A moment before now."""
        return self.now - timedelta(**span)

    def add(
        self, table: str, times: int = 1, *, at: datetime | None = None, **columns: Any
    ) -> None:
        """Insert rows that arrived an hour ago, or at another moment, with these columns."""
        for _ in range(times):
            number = next(self._numbers)
            filled = FILLED[table](number, at or self.ago(hours=1))
            self._insert(table, {"tenant_id": self.tenant_id, **filled, **columns})

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        statement = sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        )
        self.connection.execute(statement, list(row.values()))
