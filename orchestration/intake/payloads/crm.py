"""CRM conversions: ``POST /integrations/crm/conversions``."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)

from orchestration.intake.currencies import DECIMALS, MOST_DECIMALS
from orchestration.intake.payloads import signed
from orchestration.intake.payloads.events import Reading, hash_parts
from orchestration.intake.payloads.fields import (
    ClickId,
    Id,
    Json,
    LeadId,
    Sha256,
    Text,
    Time,
    refuse,
)

SOURCE = "crm"
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_AMOUNT_LIMIT = Decimal(10) ** 12


def read(body: bytes, now: datetime) -> Reading:
    """Read one conversion or an array of them; raises as ``signed.read`` does."""
    return signed.read(body, Conversion, now)


def _currency(value: object) -> object:
    if value is not None and (not isinstance(value, str) or value not in DECIMALS):
        raise refuse("currency")
    return value


def _amount(value: object, info: ValidationInfo) -> Decimal | None:
    """An amount of the currency beside it, which is read first."""
    if value is None:
        return None
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise refuse("amount")
    amount = Decimal(value)
    if not 0 <= amount < _AMOUNT_LIMIT:
        raise refuse("amount")
    # Without one the tenant's own counts, which is not known here.
    currency: str | None = info.data.get("currency")
    if _decimals(amount) > DECIMALS.get(currency or "", MOST_DECIMALS):
        raise refuse("too_many_decimals")
    return amount


def _decimals(amount: Decimal) -> int:
    """Decimals that say something: 10.50 has one."""
    return len(format(amount, "f").partition(".")[2].rstrip("0"))


class Identifiers(BaseModel):
    """Who or which click. Empty strings count as absent; fields that we do not know are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    gclid: ClickId = None
    gbraid: ClickId = None
    wbraid: ClickId = None
    fbclid: ClickId = None
    ttclid: ClickId = None
    ctwa_clid: ClickId = None
    msclkid: ClickId = None
    meta_lead_id: Annotated[
        LeadId, Field(description="Meta's id of the lead, where it came from an instant form.")
    ] = None
    tiktok_lead_id: Annotated[
        LeadId, Field(description="TikTok's id of the lead, where it came from an instant form.")
    ] = None
    email_sha256: Annotated[
        Sha256, Field(description="SHA-256 of the normalized address, hexadecimal.")
    ] = None
    phone_sha256: Annotated[
        Sha256, Field(description="SHA-256 of the E.164 number, hexadecimal.")
    ] = None
    email: Text = None
    phone: Text = None


class Conversion(signed.SignedEvent):
    """A business outcome, as the CRM reports it."""

    source: ClassVar[str] = SOURCE

    event_id: Annotated[
        Id | None,
        Field(
            description="The CRM's own id of this event. Without one, record, type and time name it."
        ),
    ] = None
    event_type: Annotated[
        Id,
        Field(
            examples=["qualified_lead", "appointment", "enrollment", "purchase"],
            description="qualified_lead, appointment, enrollment, purchase, or any other of the tenant's.",
        ),
    ]
    event_time: Time
    crm_record_id: Id
    currency: Annotated[
        str | None,
        PlainValidator(_currency),
        WithJsonSchema(
            {
                "enum": [*sorted(DECIMALS), None],
                "description": "ISO 4217; the tenant's own where it is absent.",
            }
        ),
    ] = None
    value: Annotated[
        Decimal | None,
        PlainValidator(_amount),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "number", "minimum": 0, "exclusiveMaximum": 10**12},
                    {"type": "string", "pattern": f"^{_AMOUNT.pattern}$"},
                    {"type": "null"},
                ],
                "description": "In units of the currency, with no more decimals than it has.",
            }
        ),
    ] = None
    identifiers: Identifiers | None = None
    consent: Annotated[
        Json, Field(description="Whether the person agreed: true, false, granted, denied.")
    ] = None

    def dedupe_key(self, body_sha256: str) -> str:
        """The CRM's event id, else a hash of record, type and time."""
        if self.event_id is not None:
            return self.event_id
        return hash_parts(self.crm_record_id, self.event_type, self.event_time.isoformat())

    def occurred_at(self) -> datetime:
        """When it happened, in UTC."""
        return self.event_time
