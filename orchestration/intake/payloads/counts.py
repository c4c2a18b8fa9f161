"""Sender counts: ``POST /integrations/counts``: what a sender says it sent on a day, to compare with what came."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema

from orchestration.intake.payloads import signed
from orchestration.intake.payloads.events import Reading
from orchestration.intake.payloads.fields import OLDEST, Id, Time, refuse

SOURCE = "sender_counts"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COUNT_LIMIT = 10**12


def read(body: bytes, now: datetime) -> Reading:
    """Read one count or an array of them; raises as ``signed.read`` does."""
    return signed.read(body, SenderCount, now)


def _day(value: object, info: ValidationInfo) -> date:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise refuse("day")
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise refuse("day") from error
    now: datetime = info.context["now"]  # pyright: ignore[reportOptionalSubscript]
    # East of Greenwich it is tomorrow already.
    if not (now - OLDEST).date() <= day <= (now + timedelta(days=1)).date():
        raise refuse("day")
    return day


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _COUNT_LIMIT:
        raise refuse("count")
    return value


class SenderCount(signed.SignedEvent):
    """How many events of a source the sender sent whose own time falls on a day of the tenant's time zone."""

    source: ClassVar[str] = SOURCE

    sent_source: Annotated[
        Id, Field(alias="source", description="Which events were counted: crm, form, whatsapp.")
    ]
    day: Annotated[
        date,
        PlainValidator(_day),
        WithJsonSchema({"type": "string", "format": "date"}),
        Field(description="In the tenant's time zone; from 400 days ago to tomorrow."),
    ]
    count: Annotated[
        int,
        PlainValidator(_count),
        WithJsonSchema({"type": "integer", "minimum": 0, "maximum": _COUNT_LIMIT}),
    ]
    counted_at: Annotated[
        Time | None,
        Field(description="When it was counted. The count that arrives last stands."),
    ] = None

    def dedupe_key(self, body_sha256: str) -> str:
        """Source, day, and when it was counted (else the content)."""
        counted = self.counted_at.astimezone(UTC).isoformat() if self.counted_at else body_sha256
        return f"{self.sent_source}:{self.day.isoformat()}:{counted}"

    def occurred_at(self) -> datetime | None:
        """When it was counted."""
        return self.counted_at
