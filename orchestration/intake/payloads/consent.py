"""Consent changes: ``POST /integrations/consent``: a yes or a no that a person gave elsewhere, as of a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from orchestration.intake.payloads import signed
from orchestration.intake.payloads.events import Reading, hash_parts
from orchestration.intake.payloads.fields import Id, Sha256, Time, refuse

SOURCE = "consent"
Status = Literal["granted", "denied"]


def read(body: bytes, now: datetime) -> Reading:
    """Read one change or an array of them; raises as ``signed.read`` does."""
    return signed.read(body, ConsentChange, now)


def _status(value: object) -> object:
    if value not in ("granted", "denied"):
        raise refuse("status")
    return value


class ConsentChange(signed.SignedEvent):
    """What a person said about being told of to ad platforms. Whoever is named, it counts for the whole person."""

    source: ClassVar[str] = SOURCE

    event_id: Annotated[
        Id | None,
        Field(description="The sender's own id of this change. Without one, its content names it."),
    ] = None
    crm_record_id: Annotated[
        Id | None, Field(description="The record of the person, as conversions name it.")
    ] = None
    lead_id: Annotated[
        Id | None,
        Field(description="The lead: its form's submission id, its id in a file, or ours."),
    ] = None
    email_sha256: Annotated[
        Sha256, Field(description="SHA-256 of the normalized address, hexadecimal.")
    ] = None
    phone_sha256: Annotated[
        Sha256, Field(description="SHA-256 of the E.164 number, hexadecimal.")
    ] = None
    status: Annotated[
        Status,
        PlainValidator(_status),
        WithJsonSchema({"enum": ["granted", "denied"]}),
        Field(description="denied: nothing leaves any more, from the moment we have this."),
    ]
    changed_at: Annotated[
        Time,
        Field(description="When it was said. The latest counts; of two at one moment the no."),
    ]

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not any(self._subjects()):
            raise refuse("nobody")
        return self

    def dedupe_key(self, body_sha256: str) -> str:
        """The sender's event id, else a hash of who, what and when."""
        if self.event_id is not None:
            return self.event_id
        changed = self.changed_at.astimezone(UTC).isoformat()
        return hash_parts(*(subject or "" for subject in self._subjects()), self.status, changed)

    def occurred_at(self) -> datetime:
        """When it was said, in UTC: the sender of deliveries reads it before anything else does."""
        return self.changed_at

    def _subjects(self) -> tuple[str | None, ...]:
        return (self.crm_record_id, self.lead_id, self.email_sha256, self.phone_sha256)
