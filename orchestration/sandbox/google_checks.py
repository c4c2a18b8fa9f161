"""What the Data Manager API checks while the sender waits: one violation rejects the whole request (DOC Gerr).

Pure functions over a request as ``google_wire.py`` reads it. Violations name fields and reasons, never values; the
path of a field is put together only for a violation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestration.sandbox.personal_data import count_personal_data, is_sha256
from orchestration.sandbox.world import Account, World

MAX_EVENTS = 2_000  # LIB Ldm
MAX_DESTINATIONS = 10  # LIB Ldm
MAX_IDENTIFIERS = 10  # LIB Ldm
MAX_AGE = timedelta(days=90)  # DOC G4: the default of the click-through window
CLOCK_SKEW = timedelta(minutes=1)
CURRENCY = re.compile(r"[A-Z]{3}")
REGION = re.compile(r"[A-Z]{2}")
BASE64_OF_SHA256 = re.compile(r"[A-Za-z0-9+/_-]{43}=?")
BASE64 = (2, "BASE64")  # LIB Ldm
MOST_VALUE = 1e12  # also keeps out what is not a number
FORBIDDEN = frozenset({"PERMISSION_DENIED", "NOT_ALLOWLISTED"})
_TERMS = "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED"
_LEADS = "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS"


@dataclass(frozen=True)
class Violation:
    """One field violation: where, why (an ``ErrorReason``), and a sentence without values."""

    field: str
    reason: str
    description: str


def check_request(
    request: dict[str, Any], world: World, now: datetime, *, is_suspicious: bool
) -> list[Violation]:
    """Return everything that is wrong with a request.

    Args:
        request: As ``google_wire.read_request`` gives it.
        world: The accounts that exist.
        now: The platform's own time.
        is_suspicious: Whether the body may hold personal data, so that texts have to be looked at.
    """
    events: list[dict[str, Any]] = request.get("events", [])
    found = list(_check_destinations(request, events, world))
    if len(events) > MAX_EVENTS:
        found.append(Violation("events.events", "TOO_MANY_EVENTS", f"At most {MAX_EVENTS} events."))
        return found
    if not events:
        found.append(_missing("events.events"))
    encoding = request.get("encoding")
    oldest, latest = now - MAX_AGE, now + CLOCK_SKEW
    for index, event in enumerate(events):
        if not _is_good(event, encoding, oldest, latest) or is_suspicious:
            # 3RD googleapis/google-cloud-php issue 9201 shows this spelling of the path.
            path = f"events.events[{index}]"
            found += _check_event(path, event, oldest, latest)
            found += _check_identifiers(path, event, encoding)
            if is_suspicious:
                found += _check_texts(path, event)
    return found


def _is_good(event: dict[str, Any], encoding: object, oldest: datetime, latest: datetime) -> bool:
    """Whether the usual event is without fault; what this cannot tell, the slower checks do."""
    happened = event.get("eventTimestamp")
    if (
        happened is None
        or not oldest <= datetime.fromisoformat(happened) <= latest
        or not event.get("transactionId")
        or not event.get("eventSource")
        or not 0 <= event.get("conversionValue", 0) <= MOST_VALUE
    ):
        return False
    currency = event.get("currency")
    if currency and CURRENCY.fullmatch(currency) is None:
        return False
    identifiers = event.get("userData", {}).get("userIdentifiers")
    if not identifiers:
        return bool(event.get("adIdentifiers"))
    if not encoding or encoding in BASE64 or len(identifiers) > MAX_IDENTIFIERS:
        return False
    for identifier in identifiers:
        for key, value in identifier.items():
            if key == "address" or not is_sha256(value):
                return False
    return True


def _check_destinations(
    request: dict[str, Any], events: list[dict[str, Any]], world: World
) -> Iterator[Violation]:
    destinations: list[dict[str, Any]] = request.get("destinations", [])
    if not destinations:
        yield _missing("destinations")
    if len(destinations) > MAX_DESTINATIONS:
        yield Violation("destinations", "TOO_MANY_DESTINATIONS", "At most 10 destinations.")
    has_people = any("userData" in event for event in events)
    for index, destination in enumerate(destinations):
        path = f"destinations[{index}]"
        number = destination.get("operatingAccount", {}).get("accountId", "")
        account = world.find_account("google", number)
        if account is None:
            yield Violation(f"{path}.operating_account", "INVALID_DESTINATION", "Unknown account.")
        else:
            action_id = destination.get("productDestinationId", "")
            yield from _check_account(path, account, has_people=has_people)
            yield from _check_action(path, account, action_id)


def _check_account(path: str, account: Account, *, has_people: bool) -> Iterator[Violation]:
    if not account.is_allowlisted:
        yield Violation(path, "NOT_ALLOWLISTED", "The project may not use this.")
    if has_people and not account.accepted_terms:
        yield Violation(path, _TERMS, "The customer data terms are not signed.")
    if has_people and not account.is_leads_enabled:
        yield Violation(path, _LEADS, "Enhanced conversions for leads are off.")


def _check_action(path: str, account: Account, action_id: str) -> Iterator[Violation]:
    field = f"{path}.product_destination_id"
    # DOC G2.2: the operating account must be the one that owns the action.
    is_owner = account.conversion_customer in {"", account.account_id}
    facts = account.action_facts.get(action_id, {})
    if action_id not in account.conversion_actions or not is_owner:
        yield Violation(
            field, "INVALID_CONVERSION_ACTION_ID", "The account has no such conversion action."
        )
    elif facts.get("type", "UPLOAD_CLICKS") != "UPLOAD_CLICKS":
        yield Violation(field, "INVALID_CONVERSION_ACTION_TYPE", "Not for uploaded clicks.")
    elif facts.get("status", "ENABLED") != "ENABLED":
        yield Violation(field, "INVALID_CONVERSION_ACTION_ID", "The action was removed.")


def _check_event(
    path: str, event: dict[str, Any], oldest: datetime, latest: datetime
) -> Iterator[Violation]:
    happened = event.get("eventTimestamp")
    if happened is None:
        yield _missing(f"{path}.event_timestamp")
    elif not oldest <= datetime.fromisoformat(happened) <= latest:
        yield Violation(f"{path}.event_timestamp", "EVENT_TIME_INVALID", "Too old or ahead.")
    # LIB Ldm calls it optional; without it nothing can be deduplicated, so the stricter reading is taken.
    if not event.get("transactionId"):
        yield _missing(f"{path}.transaction_id")
    # 3RD, September 2026: refused without it although the type calls it optional.
    if not event.get("eventSource"):
        yield _missing(f"{path}.event_source")
    currency = event.get("currency")
    if currency and not CURRENCY.fullmatch(currency):
        yield Violation(f"{path}.currency", "INVALID_CURRENCY_CODE", "Three capital letters.")
    value = event.get("conversionValue", 0)
    if type(value) not in (int, float) or not 0 <= value <= MOST_VALUE:
        yield Violation(f"{path}.conversion_value", "INVALID_FORMAT", "Not an amount.")


def _check_texts(path: str, event: dict[str, Any]) -> Iterator[Violation]:
    variables = event.get("customVariables", [])
    if count_personal_data([variable.get("value", "") for variable in variables]):
        yield Violation(
            f"{path}.custom_variables", "CUSTOM_VARIABLE_VALUE_CONTAINS_PII", "Personal data."
        )
    if count_personal_data({"transactionId": event.get("transactionId", "")}):
        yield Violation(f"{path}.transaction_id", "INVALID_FORMAT", "Personal data.")


def _check_identifiers(path: str, event: dict[str, Any], encoding: object) -> Iterator[Violation]:
    identifiers = event.get("userData", {}).get("userIdentifiers", [])
    clicks = event.get("adIdentifiers", {})
    if not identifiers and not any(clicks.get(n) for n in ("gclid", "gbraid", "wbraid")):
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


def _check_identifier(
    path: str, identifier: dict[str, Any], encoding: object
) -> Iterator[Violation]:
    address = identifier.get("address")
    hashed = {
        "email_address": identifier.get("emailAddress"),
        "phone_number": identifier.get("phoneNumber"),
        "address.given_name": (address or {}).get("givenName"),
        "address.family_name": (address or {}).get("familyName"),
    }
    given = {name: value for name, value in hashed.items() if value}
    for name, value in given.items():
        if not _is_hash(value, encoding):
            yield Violation(f"{path}.{name}", "INVALID_SHA256_FORMAT", "Not a SHA-256 hash.")
    if address is not None:
        yield from _check_address(f"{path}.address", address)
    elif not given:
        yield Violation(path, "REQUIRED_FIELD_MISSING", "The identifier is empty.")


def _check_address(path: str, address: dict[str, Any]) -> Iterator[Violation]:
    # LIB Ldm: all four or none, region and postal code in the clear.
    names = {
        "givenName": "given_name",
        "familyName": "family_name",
        "regionCode": "region_code",
        "postalCode": "postal_code",
    }
    for key, name in names.items():
        if not address.get(key):
            yield _missing(f"{path}.{name}")
    region = address.get("regionCode")
    if region and not REGION.fullmatch(region):
        yield Violation(f"{path}.region_code", "INVALID_COUNTRY_CODE", "Two capital letters.")


def _is_hash(value: str, encoding: object) -> bool:
    if encoding in BASE64:
        return BASE64_OF_SHA256.fullmatch(value) is not None
    return is_sha256(value)


def _missing(path: str) -> Violation:
    return Violation(path, "REQUIRED_FIELD_MISSING", "Required field is missing.")
