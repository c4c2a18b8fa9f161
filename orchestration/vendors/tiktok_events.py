"""TikTok's Events API over httpx: where it is, how one proves oneself, what its codes mean.

TikTok answers HTTP 200 for errors too: the ``code`` in the body is the status. Its own SDK does not know
``/event/track/``.

Belongs here: address, authentication, the table of codes. Lives elsewhere: what is sent
(``deliveries/destinations/tiktok.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestration.vendors.answers import error_of_status, post
from orchestration.vendors.errors import (
    RequestRefused,
    RouteBlocked,
    Throttled,
    Unauthorized,
    Unclear,
    VendorError,
)

if TYPE_CHECKING:
    import httpx

    from orchestration.vendors.answers import Answer

# The trailing slash matters: without it TikTok answers 404.
TRACK_PATH = "/open_api/v1.3/event/track/"

OK = 0
PARTIAL = 20_001
DUPLICATE = 40_050

# Return codes of the Marketing API; the action is our judgement (platform notes T4).
_MEANING: dict[int, type[VendorError]] = {
    **dict.fromkeys((40_001, 40_006, 40_007, 40_051, 40_063, 40_113, 40_118, 40_300), RouteBlocked),
    **dict.fromkeys((40_101, 40_102, 40_104, 40_105), Unauthorized),
    **dict.fromkeys((41_000, 41_001), RouteBlocked),
    **dict.fromkeys((40_016, 40_100, 40_132, 40_133, 60_001, 61_000), Throttled),
    **dict.fromkeys((40_202, 50_000, 50_002, 51_010, 51_012, 51_054), Unclear),
}


class TikTokEvents:
    """One credential's way to the Events API.

    Args:
        http: A client with our limits.
        api_url: ``https://business-api.tiktok.com``, or a stand-in.
        access_token: The long-lived token.
    """

    def __init__(self, http: httpx.Client, api_url: str, access_token: str) -> None:
        self._http = http
        self._url = api_url.rstrip("/") + TRACK_PATH
        self._headers = {"Access-Token": access_token, "Content-Type": "application/json"}

    def send_events(self, body: bytes) -> Answer:
        """POST a batch of events of one source.

        Raises:
            VendorError: The transport failed, or the answer cannot be read.
        """
        return post(self._http, self._url, body=body, headers=self._headers)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()


def read_code(answer: Answer) -> int | None:
    """The code that is TikTok's status; None where the body has none."""
    code: Any = answer.body.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def read_error(answer: Answer) -> VendorError | None:
    """The error that an answer holds; None for a success, a partial one, and a repeat."""
    code = read_code(answer)
    if code is None:
        if answer.status == 200:
            return Unclear("unreadable_answer")
        return error_of_status(answer.status, answer.retry_after)
    if code in {OK, PARTIAL, DUPLICATE}:
        return None
    request_id = answer.body.get("request_id")
    known = request_id if isinstance(request_id, str) else None
    meaning = _MEANING.get(code)
    if meaning is not None:
        return meaning(str(code), request_id=known, retry_after=answer.retry_after)
    if answer.status >= 500:
        return Unclear(str(code), request_id=known)
    return RequestRefused(str(code), request_id=known)
