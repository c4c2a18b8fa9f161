"""Google's Data Manager API over REST: exact bytes there, answers back, what they mean.

Requests leave as the bytes that were kept, through our own bounded transport; Google's client would parse them into a
message and write that anew (it is the oracle in tests instead). It would also send 503 and 504 again within the same
call, where a repeat is the ledger's decision.

Belongs here: the calls. Lives elsewhere: what each reason means (``google_codes.py``), what is sent and what became of
it (``deliveries/destinations/google.py``).
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from orchestration.vendors import google_oauth
from orchestration.vendors.answers import Answer, error_of_status, open_http, request
from orchestration.vendors.codes import ERRORS, Action
from orchestration.vendors.errors import RequestRefused, RouteBlocked, Unclear, VendorError
from orchestration.vendors.google_codes import REQUEST, action_of, gravest, reason_of_processing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/datamanager"

# Of a whole request and not of its envelope: halving helps.
_OF_SIZE = frozenset({"TOO_MANY_EVENTS", "TOO_MANY_ELEMENTS"})
_ROW_STATUSES = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, 413})
_EVENT_PATH = re.compile(r"\bevents\[(\d+)\]")
_REASON = re.compile(r"[A-Z][A-Z0-9_]{2,100}")


class DataManager:
    """One credential's way to the Data Manager API.

    Args:
        base_url: ``https://datamanager.googleapis.com``, or a stand-in with ``http://``.
        credentials: From ``google_oauth.read_credentials`` with ``SCOPE``.
    """

    def __init__(self, base_url: str, credentials: Credentials) -> None:
        self._base_url = base_url.rstrip("/")
        # Google types its credentials in part only.
        self._credentials: Any = credentials
        self._http = open_http()

    def ingest(self, body: bytes) -> Answer:
        """Send a request's exact bytes.

        Returns:
            Its ``request_id``, or the refusal as ``read_error`` reads it.

        Raises:
            VendorError: The transport failed, or the credential cannot be refreshed.
        """
        answer = self._ask("POST", "/v1/events:ingest", body=body)
        return _refusal(answer) or Answer(
            answer.status, {"request_id": _text(answer.body.get("requestId"))}
        )

    def retrieve(self, request_id: str) -> Answer:
        """Ask what became of a request.

        Returns:
            ``destinations``: for each its ``status``, its ``errors`` (reason → count) and its ``records``.

        Raises:
            VendorError: The transport failed, or the credential cannot be refreshed.
        """
        answer = self._ask("GET", "/v1/requestStatus:retrieve", params={"requestId": request_id})
        return _refusal(answer) or Answer(
            answer.status, {"destinations": [_status(d) for d in _destinations(answer.body)]}
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        google_oauth.refresh(self._credentials)
        answer = self._ask_once(method, path, body, params)
        if answer.status == HTTPStatus.UNAUTHORIZED and self._credentials.refresh_token:
            # A token can end before its time, and nothing was applied: a new one is worth one more request.
            self._credentials.token = None
            google_oauth.refresh(self._credentials)
            answer = self._ask_once(method, path, body, params)
        return answer

    def _ask_once(
        self, method: str, path: str, body: bytes | None, params: Mapping[str, str] | None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self._credentials.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = f"{self._base_url}{path}"
        return request(self._http, method, url, body=body, headers=headers, params=params)


def read_error(answer: Answer) -> VendorError | None:
    """The error that an answer holds, or None for a success."""
    if answer.status == HTTPStatus.OK:
        return None
    violations: list[tuple[str, str]] = answer.body.get("violations", [])
    reasons = [reason for _, reason in violations if reason]
    reason = gravest(REQUEST, reasons) or answer.body.get("reason", "")
    if not reason:
        return error_of_status(answer.status, answer.retry_after)
    action = action_of(REQUEST, reason)
    if action is not Action.REFUSE_ROW:
        return ERRORS[action](reason, retry_after=answer.retry_after)
    if answer.status not in _ROW_STATUSES:
        # A reason of another of Google's layers, such as SERVICE_DISABLED: the status says what to do.
        return type(error_of_status(answer.status))(reason, retry_after=answer.retry_after)
    rows = _rows(violations)
    if violations and not rows and reason not in _OF_SIZE:
        # A fault of the envelope: no row is to blame, and halving would find none.
        return RouteBlocked(reason)
    return RequestRefused(reason, rows=rows)


def _rows(violations: Sequence[tuple[str, str]]) -> dict[int, str]:
    rows: dict[int, str] = {}
    for path, reason in violations:
        if found := _EVENT_PATH.search(path):
            rows.setdefault(int(found[1]), reason)
    return rows


def _refusal(answer: Answer) -> Answer | None:
    """What an answer that is no success says: a reason, and the fields that are named with theirs."""
    if answer.status == HTTPStatus.OK:
        return None
    error: Any = answer.body.get("error")
    details = _list_of_dicts(error.get("details") if isinstance(error, dict) else None)
    reasons = [_reason(detail.get("reason")) for detail in details]
    violations = [
        (_text(violation.get("field")), _reason(violation.get("reason")))
        for detail in details
        for violation in _list_of_dicts(detail.get("fieldViolations"))
    ]
    return Answer(
        answer.status,
        {"reason": next(filter(None, reasons), ""), "violations": violations},
        answer.retry_after,
    )


def _reason(value: object) -> str:
    """A reason, if it has the shape of one: anything else could be a sentence."""
    return value if isinstance(value, str) and _REASON.fullmatch(value) else ""


def _destinations(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    found = body.get("requestStatusPerDestination")
    if not isinstance(found, list):
        raise Unclear("unreadable_answer")
    yield from _list_of_dicts(found)


def _status(destination: Mapping[str, Any]) -> dict[str, Any]:
    """One destination's part of a status.

    Raises:
        Unclear: A count is none.
    """
    info: Any = destination.get("errorInfo") or {}
    records: Any = destination.get("eventsIngestionStatus") or {}
    try:
        return {
            "status": _text(destination.get("requestStatus")),
            "errors": {
                reason_of_processing(_text(count.get("reason"))): int(count["recordCount"])
                for count in _list_of_dicts(info.get("errorCounts"))
            },
            "records": int(records.get("recordCount", 0)),
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Unclear("unreadable_answer") from None


def _list_of_dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
