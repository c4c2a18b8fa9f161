"""TikTok's Events API over httpx: where it is, how one proves oneself, reading its answers.

TikTok answers HTTP 200 for errors too: the ``code`` in the body is the status. Its own SDK does not know
``/event/track/``.

Belongs here: address, authentication, which error an answer holds. Lives elsewhere: the table of codes
(``tiktok_codes.py``), what is sent (``deliveries/destinations/tiktok.py``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from orchestration.vendors.answers import error_of_status, get, post
from orchestration.vendors.codes import ERRORS, Action
from orchestration.vendors.errors import RequestRefused, Unclear, VendorError
from orchestration.vendors.tiktok_codes import CODES, PARTIAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from orchestration.vendors.answers import Answer

# The trailing slash matters: without it TikTok answers 404.
TRACK_PATH = "/open_api/v1.3/event/track/"
_DELIVERED = frozenset(code for code, row in CODES.items() if row.action is Action.DELIVERED)

# After a failure of its own TikTok wants to be left alone for about this long, and sends no header (page on limits).
_SERVER_WAIT = timedelta(minutes=5)


class TikTokEvents:
    """One credential's way to the Events API.

    Args:
        http: A client with our limits.
        api_url: ``https://business-api.tiktok.com``, or a stand-in.
        access_token: The long-lived token.
    """

    def __init__(self, http: httpx.Client, api_url: str, access_token: str) -> None:
        self._http = http
        self._base = api_url.rstrip("/")
        self._headers = {"Access-Token": access_token, "Content-Type": "application/json"}

    def send_events(self, body: bytes) -> Answer:
        """POST a batch of events of one source.

        Raises:
            VendorError: The transport failed, or the answer cannot be read.
        """
        try:
            return post(self._http, self._base + TRACK_PATH, body=body, headers=self._headers)
        except Unclear as error:
            if error.code.startswith("http_5"):
                error.retry_after = error.retry_after or _SERVER_WAIT
            raise

    def read(self, path: str, params: Mapping[str, str]) -> Answer:
        """GET a list of the Business API's, with the token in the header.

        Raises:
            VendorError: The transport failed, or the answer cannot be read.
        """
        return get(self._http, self._base + path, headers=self._headers, params=params)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()


def read_code(answer: Answer) -> str | None:
    """The code that is TikTok's status, as the table spells it; None where the body has none."""
    code: Any = answer.body.get("code")
    return str(code) if isinstance(code, int) and not isinstance(code, bool) else None


def read_error(answer: Answer) -> VendorError | None:
    """The error that an answer holds; None for a success, a partial one, and a repeat."""
    code = read_code(answer)
    if code is None:
        if answer.status == 200:
            return Unclear("unreadable_answer")
        return error_of_status(answer.status, answer.retry_after)
    if code == PARTIAL or code in _DELIVERED:
        return None
    request_id = answer.body.get("request_id")
    known = request_id if isinstance(request_id, str) else None
    wait = answer.retry_after or (_SERVER_WAIT if answer.status >= 500 else None)
    return error_of_code(code, answer.status, request_id=known, retry_after=wait)


def error_of_code(
    code: str,
    status: int = 200,
    *,
    request_id: str | None = None,
    retry_after: timedelta | None = None,
) -> VendorError:
    """The error that a code is, of a request or of one of its rows.

    Args:
        code: Any but those of a success.
        status: What HTTP says, for a code that no table has: 200 blames the request.
        request_id: TikTok's name of the request.
        retry_after: How long to wait.
    """
    family = _family(code, status)
    if family is RequestRefused:
        return RequestRefused(code, request_id=request_id)
    return family(code, request_id=request_id, retry_after=retry_after)


def _family(code: str, status: int) -> type[VendorError]:
    if row := CODES.get(code):
        return ERRORS[row.action]
    return RequestRefused if status == 200 else type(error_of_status(status))
