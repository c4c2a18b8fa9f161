"""Google's codes: each one that the installed libraries know has a row or is another product's, and is obeyed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from orchestration.vendors import google_codes
from orchestration.vendors.codes import Action, Code
from orchestration.vendors.google_click_codes import CLICK_UPLOAD
from orchestration.vendors.google_codes import (
    PROCESSING,
    PROCESSING_OF_OTHERS,
    REQUEST,
    REQUEST_OF_OTHERS,
    reason_of_processing,
)

TABLES = {"request": REQUEST, "processing": PROCESSING, "click_upload": CLICK_UPLOAD}
NO_CODES = {"UNSPECIFIED", "UNKNOWN", "ERROR_REASON_UNSPECIFIED"}
# Kinds that an upload meets, of which every member has a row.
WHOLE_KINDS = (
    "ConversionUploadError",
    "ConversionAdjustmentUploadError",
    "QuotaError",
    "InternalError",
    "AuthenticationError",
    "AuthorizationError",
    "NotAllowlistedError",
    "PartialFailureError",
)
# Kinds that have rows for what an upload meets of them.
PART_KINDS = ("RequestError", "DateError")


def others(table: dict[str, tuple[str, ...]]) -> set[str]:
    return {code for codes in table.values() for code in codes}


def names_of(kind: str) -> set[str]:
    stem = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind).lstrip("_")
    module = import_module(f"google.ads.googleads.v26.errors.types.{stem}")
    enum: Any = getattr(getattr(module, f"{kind}Enum"), kind)
    return {f"{kind}.{member.name}" for member in enum if member.name not in NO_CODES}


def test_every_reason_for_refusing_a_request_is_decided_on() -> None:
    from google.ads.datamanager_v1 import ErrorReason

    known = {member.name for member in ErrorReason} - NO_CODES
    assert REQUEST.keys() | others(REQUEST_OF_OTHERS) == known
    assert not REQUEST.keys() & others(REQUEST_OF_OTHERS)


def test_every_later_reason_is_decided_on() -> None:
    from google.ads.datamanager_v1 import ProcessingErrorReason

    known = {reason_of_processing(member.name) for member in ProcessingErrorReason} - NO_CODES
    assert PROCESSING.keys() | others(PROCESSING_OF_OTHERS) == known
    assert not PROCESSING.keys() & others(PROCESSING_OF_OTHERS)


@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_every_error_of_the_classic_upload_is_decided_on(kind: str) -> None:
    assert {code for code in CLICK_UPLOAD if code.startswith(f"{kind}.")} == names_of(kind)


@pytest.mark.parametrize("kind", PART_KINDS)
def test_errors_of_general_kinds_exist(kind: str) -> None:
    assert {code for code in CLICK_UPLOAD if code.startswith(f"{kind}.")} <= names_of(kind)


def test_no_row_is_of_a_kind_that_nobody_compared() -> None:
    assert {code.partition(".")[0] for code in CLICK_UPLOAD} == {*WHOLE_KINDS, *PART_KINDS}


@pytest.mark.parametrize(
    "row", [r for table in TABLES.values() for r in table.values()], ids=lambda row: row.code
)
def test_a_row_says_what_it_means_in_a_sentence_and_where_that_was_read(row: Code) -> None:
    assert row.meaning[0].isupper()
    assert row.meaning.endswith(".")
    assert row.source


# The table of the platform notes, for codes whose wrong action would cost conversions.
@pytest.mark.parametrize(
    ("table", "code", "action"),
    [
        ("request", "INTERNAL_ERROR", Action.IN_DOUBT),
        ("request", "RESOURCE_EXHAUSTED", Action.RETRY_AT),
        ("request", "CONVERSION_ACTION_TOO_RECENTLY_CREATED", Action.NOT_YET),
        ("request", "NOT_ALLOWLISTED", Action.STOP_DESTINATION),
        ("request", "EVENT_TIME_INVALID", Action.REFUSE_ROW),
        ("processing", "DUPLICATE_TRANSACTION_ID", Action.DELIVERED),
        ("processing", "TOO_RECENT_CLICK", Action.NOT_YET),
        ("processing", "CLICK_NOT_FOUND", Action.UNMATCHED),
        ("processing", "INTERNAL_ERROR", Action.IN_DOUBT),
        ("processing", "INVALID_GCLID", Action.REFUSE_ROW),
        ("click_upload", "QuotaError.RESOURCE_TEMPORARILY_EXHAUSTED", Action.RETRY_AT),
        ("click_upload", "InternalError.TRANSIENT_ERROR", Action.IN_DOUBT),
        ("click_upload", "ConversionUploadError.TOO_RECENT_EVENT", Action.NOT_YET),
        ("click_upload", "ConversionUploadError.ORDER_ID_ALREADY_IN_USE", Action.DELIVERED),
        ("click_upload", "ConversionUploadError.EXPIRED_EVENT", Action.REFUSE_ROW),
        (
            "click_upload",
            "ConversionUploadError.NO_CONVERSION_ACTION_FOUND",
            Action.STOP_DESTINATION,
        ),
        ("click_upload", "AuthenticationError.OAUTH_TOKEN_REVOKED", Action.STOP_CREDENTIAL),
        ("click_upload", "ConversionUploadError.NEVER_HEARD_OF", Action.REFUSE_ROW),
    ],
)
def test_code_asks_for_what_the_notes_say(table: str, code: str, action: Action) -> None:
    assert google_codes.action_of(TABLES[table], code) is action


def test_refused_newcomer_is_told_to_switch() -> None:
    row = CLICK_UPLOAD["NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"]
    assert "switch to the Data Manager API" in row.meaning


PAGE = Path(__file__).parents[3] / "docs" / "destinations" / "google.md"


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("### Data Manager API, at once", REQUEST),
        ("### Data Manager API, later", PROCESSING),
        ("### Classic upload", CLICK_UPLOAD),
    ],
)
def test_page_shows_the_table_row_by_row(heading: str, table: dict[str, Code]) -> None:
    section = PAGE.read_text("utf-8").split(f"{heading}\n")[1].split("\n#")[0]
    shown = [line for line in section.splitlines() if line.startswith("| `")]
    assert shown == [
        f"| `{row.code}` | {row.action.value} | {row.meaning} | {row.source} |"
        for row in table.values()
    ]
