"""Google's Data Manager API through its own client, over REST: credentials, limits, what its reasons mean.

The client's retries are off: 503 and 504 would be sent again within the same call, and a repeat is the ledger's
decision. Its transport gets our limits on time, size and redirects.

Belongs here: the client, the codec, the table of reasons. Lives elsewhere: what is sent, and what became of it
(``deliveries/destinations/google.py``).
"""

from __future__ import annotations

import io
import re
import time
from typing import TYPE_CHECKING, Any

from orchestration.vendors.answers import (
    CONNECT_SECONDS,
    READ_SECONDS,
    TOTAL_SECONDS,
    Answer,
    error_of_status,
    read_bounded,
    read_retry_after,
)
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    TooEarly,
    Unauthorized,
    Unclear,
    Unreachable,
    VendorError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/datamanager"

# Request-time ErrorReason of google-ads-datamanager 0.9.4. What is not named here is a fault of a row.
_MEANING: dict[str, type[VendorError]] = {
    **dict.fromkeys(("INTERNAL_ERROR", "DEADLINE_EXCEEDED"), Unclear),
    "RESOURCE_EXHAUSTED": Throttled,
    "CONVERSION_ACTION_TOO_RECENTLY_CREATED": TooEarly,
    **dict.fromkeys(
        (
            "PERMISSION_DENIED",
            "NOT_ALLOWLISTED",
            "INVALID_DESTINATION",
            "INVALID_CONVERSION_ACTION_ID",
            "INVALID_CONVERSION_ACTION_TYPE",
            "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH",
            "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS",
            "DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS",
            "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED",
            "DESTINATION_ACCOUNT_TYPE_MISMATCH",
            "ADVERTISER_TOS_NOT_ACCEPTED",
        ),
        RouteBlocked,
    ),
}
_EVENT_PATH = re.compile(r"\bevents\[(\d+)\]")
_REASON = re.compile(r"[A-Z][A-Z0-9_]{2,100}")


class DataManager:
    """One credential's way to the Data Manager API.

    Args:
        base_url: ``https://datamanager.googleapis.com``, or a stand-in with ``http://``.
        credentials: From ``google_oauth.read_credentials`` with ``SCOPE``.
    """

    def __init__(self, base_url: str, credentials: Credentials) -> None:
        from google.ads.datamanager_v1 import IngestionServiceClient

        self._client = IngestionServiceClient(
            credentials=credentials,
            client_options={"api_endpoint": base_url.rstrip("/")},
            transport="rest",
        )
        _limit(self._client.transport._session)  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]

    def ingest(self, body: bytes) -> Answer:
        """Send a request made by ``encode``; the client writes the same bytes again.

        Returns:
            Its ``request_id``, or the refusal as ``read_error`` reads it.

        Raises:
            VendorError: The transport failed, or the credential cannot be refreshed.
        """
        from google.ads.datamanager_v1 import IngestEventsRequest

        message: Any = IngestEventsRequest.from_json(body.decode())
        return self._call(
            lambda: self._client.ingest_events(request=message, retry=None, timeout=READ_SECONDS),
            lambda response: {"request_id": response.request_id},
        )

    def retrieve(self, request_id: str) -> Answer:
        """Ask what became of a request.

        Returns:
            ``destinations``: for each its ``status``, its ``errors`` (reason → count) and its ``records``.

        Raises:
            VendorError: The transport failed, or the credential cannot be refreshed.
        """
        return self._call(
            lambda: self._client.retrieve_request_status(
                request={"request_id": request_id}, retry=None, timeout=READ_SECONDS
            ),
            lambda response: {"destinations": [_status(d) for d in _destinations(response)]},
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.transport.close()

    def _call(self, call: Any, shape: Any) -> Answer:
        import requests
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.protobuf.json_format import ParseError
        from urllib3.exceptions import HTTPError

        try:
            response = call()
        except GoogleAPICallError as error:
            return _refusal(error)
        except TransportError:
            raise Unreachable("token_endpoint_unreachable") from None
        except GoogleAuthError:
            raise Unauthorized("credential_refused") from None
        except requests.exceptions.RequestException as error:
            raise _transport_error(error) from None
        except HTTPError:
            # The answer broke off while it was read, below the layer that words such things.
            raise Unclear("connection_lost") from None
        except ParseError:
            raise Unclear("unreadable_answer") from None
        return Answer(status=200, body=shape(response))


def encode(request: Mapping[str, Any]) -> bytes:
    """The exact body that Google's client sends for a request in its JSON form."""
    from google.ads.datamanager_v1 import IngestEventsRequest
    from google.protobuf import json_format

    message = json_format.ParseDict(dict(request), IngestEventsRequest.pb(IngestEventsRequest()))
    return json_format.MessageToJson(message, use_integers_for_enums=True).encode()


def read_error(answer: Answer) -> VendorError | None:
    """The error that an answer holds, or None for a success."""
    if answer.status == 200:
        return None
    violations: list[tuple[str, str]] = answer.body.get("violations", [])
    reason = next((r for _, r in violations), "") or answer.body.get("reason", "")
    if not reason:
        return error_of_status(answer.status, answer.retry_after)
    meaning = _MEANING.get(reason)
    if meaning is not None:
        return meaning(reason, retry_after=answer.retry_after)
    if answer.status not in {400, 409, 413}:
        return error_of_status(answer.status, answer.retry_after)
    rows = _rows(violations)
    if violations and not rows:
        # A fault of the envelope: no row is to blame, and halving would find none.
        return RouteBlocked(reason)
    return RequestRefused(reason, rows=rows)


def _rows(violations: list[tuple[str, str]]) -> dict[int, str]:
    rows: dict[int, str] = {}
    for path, reason in violations:
        if found := _EVENT_PATH.search(path):
            rows.setdefault(int(found[1]), reason)
    return rows


def _refusal(error: Any) -> Answer:
    details: list[Any] = [d for d in error.details if isinstance(d, dict)]
    violations = [
        (str(v.get("field", "")), _reason(v.get("reason")))
        for detail in details
        for v in detail.get("fieldViolations", [])
    ]
    headers = error.response.headers if error.response is not None else {}
    return Answer(
        status=int(error.code or 500),
        body={"reason": _reason(error.reason), "violations": violations},
        retry_after=read_retry_after(headers),
    )


def _reason(value: object) -> str:
    """A reason, if it has the shape of one: anything else could be a sentence."""
    return value if isinstance(value, str) and _REASON.fullmatch(value) else ""


def _destinations(response: Any) -> Iterator[Any]:
    yield from response.request_status_per_destination


def _status(destination: Any) -> dict[str, Any]:
    counts = destination.error_info.error_counts
    return {
        "status": destination.request_status.name,
        "errors": {
            c.reason.name.removeprefix("PROCESSING_ERROR_REASON_"): int(c.record_count)
            for c in counts
        },
        "records": int(destination.events_ingestion_status.record_count),
    }


def _transport_error(error: Any) -> VendorError:
    """Tell a connection that was never made from one that broke."""
    import requests
    from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Unreachable("connect_timeout")
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, NewConnectionError | SSLError):
        return Unreachable("connect_error")
    if isinstance(error, requests.exceptions.Timeout):
        return Unclear("read_timeout")
    return Unclear("connection_lost")


def _limit(session: Any) -> None:
    """Put our limits on the session that Google's transport made for itself."""
    from requests.adapters import HTTPAdapter

    class BoundedAdapter(HTTPAdapter):
        """Reads each answer whole, within our time and size."""

        def send(self, request: Any, **options: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            ends_at = time.monotonic() + TOTAL_SECONDS
            options["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
            response = super().send(request, **options)
            chunks = response.raw.stream(65_536, decode_content=True)
            response.raw = io.BytesIO(read_bounded(chunks, ends_at))
            return response

    session.max_redirects = 0
    session.mount("https://", BoundedAdapter())
    session.mount("http://", BoundedAdapter())
