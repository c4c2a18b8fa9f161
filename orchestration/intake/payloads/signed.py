"""Signed: what the schemas of our own have in common: one object, or an array of up to a hundred.

A body is taken whole or not at all: one event off the schema refuses all of them, with a pointer to it.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestration.intake import strict_json
from orchestration.intake.limits import EVENTS_PER_BODY
from orchestration.intake.payloads.events import Event, Reading, sha256_hex
from orchestration.intake.payloads.fields import SENTENCES, TenantId
from orchestration.intake.problems import OffSchema, TooMany

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_MAX_ERRORS = 20
_SENTENCES = {
    "missing": "is required",
    "model_type": "is not an object",
    "model_attributes_type": "is not an object",
    "literal_error": "is none of the allowed values",
}


class SignedEvent(BaseModel):
    """An event of our own schema. Fields that we do not know are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)
    source: ClassVar[str]

    tenant_id: TenantId

    @abstractmethod
    def dedupe_key(self, body_sha256: str) -> str:
        """The key under which a repeat is recognised; ``body_sha256`` is of the event as it was written."""

    def occurred_at(self) -> datetime | None:
        """When it happened, in UTC."""
        return None


def read(body: bytes, model: type[SignedEvent], now: datetime) -> Reading:
    """Read a signed body.

    Args:
        body: The exact bytes that came.
        model: The schema of one event.
        now: Aware; times are judged against it.

    Raises:
        Unreadable: Not strict JSON.
        TooMany: An array of more than a hundred.
        OffSchema: An event is not what the schema asks for.
    """
    value = strict_json.parse(body)
    if not isinstance(value, list):
        checked = _check(value, model, now, "")
        event = _event(checked, body.decode(), sha256_hex(body))
        return Reading(events=(event,), tenants=frozenset({checked.tenant_id}))
    if len(value) > EVENTS_PER_BODY:
        raise TooMany("too_many_events", f"The body holds more than {EVENTS_PER_BODY} events.")
    if not value:
        raise OffSchema("off_schema", "The body is an empty array.")
    all_checked = [_check(item, model, now, f"/{index}") for index, item in enumerate(value)]
    texts = strict_json.split_array(body.decode())
    return Reading(
        events=tuple(
            _event(checked, text, sha256_hex(text.encode()))
            for checked, text in zip(all_checked, texts, strict=True)
        ),
        tenants=frozenset(checked.tenant_id for checked in all_checked),
        is_list=True,
    )


def _event(checked: SignedEvent, text: str, body_sha256: str) -> Event:
    return Event(
        source=checked.source,
        dedupe_key=checked.dedupe_key(body_sha256),
        payload=text,
        body_sha256=body_sha256,
        occurred_at=checked.occurred_at(),
    )


def _check(value: Any, model: type[SignedEvent], now: datetime, pointer: str) -> SignedEvent:
    try:
        return model.model_validate(value, context={"now": now})
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        raise OffSchema(
            "off_schema",
            "The body is not what the schema asks for.",
            [_explain(detail, pointer) for detail in details[:_MAX_ERRORS]],
        ) from None


def _explain(detail: ErrorDetails, pointer: str) -> dict[str, str]:
    """One error as a pointer and a sentence of ours; pydantic's own sentences may quote the input."""
    path = "".join(f"/{part}" for part in detail["loc"])
    code = detail["type"]
    sentence = SENTENCES.get(code) or _SENTENCES.get(code, "is not valid")
    return {"pointer": pointer + path, "code": code, "reason": sentence}
