"""What the classic upload of clicks checks, row by row. Pure functions; a refusal is an error code, never a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from orchestration.sandbox.google_requests import CLICK_ID
from orchestration.sandbox.personal_data import count_personal_data, is_sha256
from orchestration.sandbox.world import Account

MAX_ROWS = 2_000  # LIB Lerr
MAX_IDENTIFIERS = 5  # LIB Lcus
MAX_AGE = timedelta(days=90)  # DOC G4: the default of the click-through window
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d")  # LIB Lcus
_UPLOAD = "conversion_upload_error"


class RowError(NamedTuple):
    """A member of the one-of error code with its value."""

    member: str
    code: str


def check_row(row: Any, account: Account, now: datetime) -> RowError | None:
    """Return the first thing that is wrong with a ``ClickConversion``."""
    return next(_check_row(row, account, now), None)


def action_of(row: Any) -> str:
    """The number of the conversion action; the customer in the resource name is ignored (LIB Lcus)."""
    return row.conversion_action.rpartition("/")[2]


def read_moment(text: str) -> datetime | None:
    """Read ``yyyy-mm-dd hh:mm:ss±hh:mm``; None for anything else."""
    if not MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _check_row(row: Any, account: Account, now: datetime) -> Iterator[RowError]:
    action_id = action_of(row)
    facts = account.action_facts.get(action_id, {})
    if action_id not in account.conversion_actions or facts.get("status") == "REMOVED":
        yield RowError(_UPLOAD, "NO_CONVERSION_ACTION_FOUND")
    if facts.get("type", "UPLOAD_CLICKS") != "UPLOAD_CLICKS":
        yield RowError(_UPLOAD, "INVALID_CONVERSION_ACTION_TYPE")
    happened = read_moment(row.conversion_date_time)
    if happened is None:
        yield RowError("date_error", "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET")
    elif happened < now - MAX_AGE:
        yield RowError(_UPLOAD, "EXPIRED_EVENT")
    yield from _check_clicks(row, facts.get("counting_type", "MANY_PER_CLICK"))
    if row.user_identifiers:
        yield from _check_identifiers(row.user_identifiers, account)
    if row.order_id and count_personal_data({"order_id": row.order_id}):
        yield RowError(_UPLOAD, "ORDER_ID_CONTAINS_PII")


def _check_clicks(row: Any, counting_type: str) -> Iterator[RowError]:
    if row.gbraid and row.wbraid:
        yield RowError(_UPLOAD, "GBRAID_WBRAID_BOTH_SET")
    if (row.gbraid or row.wbraid) and counting_type == "ONE_PER_CLICK":
        yield RowError(_UPLOAD, "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID")
    for name in ("gclid", "gbraid", "wbraid"):
        click_id = getattr(row, name)
        if click_id and not CLICK_ID.fullmatch(click_id):
            yield RowError(_UPLOAD, f"UNPARSEABLE_{name.upper()}")
    if not (row.gclid or row.gbraid or row.wbraid or row.user_identifiers):
        yield RowError("field_error", "REQUIRED")


def _check_identifiers(identifiers: Any, account: Account) -> Iterator[RowError]:
    if not account.accepted_terms:
        yield RowError(_UPLOAD, "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS")
    if not account.is_leads_enabled:
        yield RowError(_UPLOAD, "CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS")
    if len(identifiers) > MAX_IDENTIFIERS:
        yield RowError("collection_size_error", "TOO_MANY")
    for identifier in identifiers:
        value = identifier.hashed_email or identifier.hashed_phone_number
        if not value:
            yield RowError(_UPLOAD, "UNSUPPORTED_USER_IDENTIFIER")
        elif not is_sha256(value):
            yield RowError(_UPLOAD, "INVALID_USER_IDENTIFIER")
