"""What the Data Manager API checks while the sender waits: one violation rejects the whole request (DOC Gerr).

Pure functions over Google's own message types. Violations name fields and reasons, never values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestration.sandbox.personal_data import count_personal_data, is_sha256
from orchestration.sandbox.world import World

MAX_EVENTS = 2_000  # LIB Ldm
MAX_DESTINATIONS = 10  # LIB Ldm
MAX_IDENTIFIERS = 10  # LIB Ldm
MAX_AGE = timedelta(days=90)  # DOC G4: the default of the click-through window
CLOCK_SKEW = timedelta(minutes=1)
CURRENCY = re.compile(r"[A-Z]{3}")
REGION = re.compile(r"[A-Z]{2}")
BASE64_OF_SHA256 = re.compile(r"[A-Za-z0-9+/_-]{43}=?")
ENCODING_BASE64 = 2  # LIB Ldm


@dataclass(frozen=True)
class Violation:
    """One field violation: where, why (an ``ErrorReason``), and a sentence without values."""

    field: str
    reason: str
    description: str


def check_request(message: Any, world: World, now: datetime) -> Iterator[Violation]:
    """Yield everything that is wrong with an ``IngestEventsRequest``."""
    yield from _check_destinations(message.destinations, world)
    if len(message.events) > MAX_EVENTS:
        yield Violation("events.events", "TOO_MANY_EVENTS", f"At most {MAX_EVENTS} events.")
        return
    if not message.events:
        yield _missing("events.events")
    for index, event in enumerate(message.events):
        # 3RD googleapis/google-cloud-php issue 9201 shows this spelling of the path.
        path = f"events.events[{index}]"
        yield from _check_event(path, event, now)
        yield from _check_identifiers(path, event, message.encoding)


def _check_destinations(destinations: Any, world: World) -> Iterator[Violation]:
    if not destinations:
        yield _missing("destinations")
    if len(destinations) > MAX_DESTINATIONS:
        yield Violation("destinations", "TOO_MANY_DESTINATIONS", "At most 10 destinations.")
    for index, destination in enumerate(destinations):
        path = f"destinations[{index}]"
        account = world.find_account("google", destination.operating_account.account_id)
        if account is None:
            yield Violation(f"{path}.operating_account", "INVALID_DESTINATION", "Unknown account.")
        elif destination.product_destination_id not in account.conversion_actions:
            yield Violation(
                f"{path}.product_destination_id",
                "INVALID_CONVERSION_ACTION_ID",
                "The account has no such conversion action.",
            )


def _check_event(path: str, event: Any, now: datetime) -> Iterator[Violation]:
    if "event_timestamp" not in event:
        yield _missing(f"{path}.event_timestamp")
    elif not now - MAX_AGE <= event.event_timestamp <= now + CLOCK_SKEW:
        yield Violation(f"{path}.event_timestamp", "EVENT_TIME_INVALID", "Too old or ahead.")
    # LIB Ldm calls it optional; without it nothing can be deduplicated, so the stricter reading is taken.
    if not event.transaction_id:
        yield _missing(f"{path}.transaction_id")
    # 3RD, September 2026: refused without it although the type calls it optional.
    if not event.event_source:
        yield _missing(f"{path}.event_source")
    if event.currency and not CURRENCY.fullmatch(event.currency):
        yield Violation(f"{path}.currency", "INVALID_CURRENCY_CODE", "Three capital letters.")
    if count_personal_data([variable.value for variable in event.custom_variables]):
        yield Violation(
            f"{path}.custom_variables", "CUSTOM_VARIABLE_VALUE_CONTAINS_PII", "Personal data."
        )
    if count_personal_data({"transactionId": event.transaction_id}):
        yield Violation(f"{path}.transaction_id", "INVALID_FORMAT", "Personal data.")


def _check_identifiers(path: str, event: Any, encoding: int) -> Iterator[Violation]:
    identifiers = event.user_data.user_identifiers
    clicks = event.ad_identifiers
    if not identifiers and not (clicks.gclid or clicks.gbraid or clicks.wbraid):
        yield Violation(path, "NO_IDENTIFIERS_PROVIDED", "Neither a click id nor user data.")
    if len(identifiers) > MAX_IDENTIFIERS:
        yield Violation(
            f"{path}.user_data.user_identifiers", "TOO_MANY_USER_IDENTIFIERS", "At most 10."
        )
    if identifiers and not encoding:
        yield _missing("encoding")
    for index, identifier in enumerate(identifiers):
        yield from _check_identifier(
            f"{path}.user_data.user_identifiers[{index}]", identifier, encoding
        )


def _check_identifier(path: str, identifier: Any, encoding: int) -> Iterator[Violation]:
    hashed = {
        "email_address": identifier.email_address,
        "phone_number": identifier.phone_number,
        "address.given_name": identifier.address.given_name,
        "address.family_name": identifier.address.family_name,
    }
    given = {name: value for name, value in hashed.items() if value}
    for name, value in given.items():
        if not _is_hash(value, encoding):
            yield Violation(f"{path}.{name}", "INVALID_SHA256_FORMAT", "Not a SHA-256 hash.")
    if "address" in identifier:
        yield from _check_address(f"{path}.address", identifier.address)
    elif not given:
        yield Violation(path, "REQUIRED_FIELD_MISSING", "The identifier is empty.")


def _check_address(path: str, address: Any) -> Iterator[Violation]:
    # LIB Ldm: all four or none, region and postal code in the clear.
    for name in ("given_name", "family_name", "region_code", "postal_code"):
        if not getattr(address, name):
            yield _missing(f"{path}.{name}")
    if address.region_code and not REGION.fullmatch(address.region_code):
        yield Violation(f"{path}.region_code", "INVALID_COUNTRY_CODE", "Two capital letters.")


def _is_hash(value: str, encoding: int) -> bool:
    if encoding == ENCODING_BASE64:
        return BASE64_OF_SHA256.fullmatch(value) is not None
    return is_sha256(value)


def _missing(path: str) -> Violation:
    return Violation(path, "REQUIRED_FIELD_MISSING", "Required field is missing.")
