"""Problems: every way in which the intake says no.

Each class is one answer. A problem carries a code for machines and a sentence for people, and never a value that
was sent: the sentence of a refusal may end in somebody else's log.

Belongs here: the family, and its RFC 9457 form. Lives elsewhere: who raises what.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEDIA_TYPE = "application/problem+json"


class Refusal(Exception):
    """The request is not taken. The answer says why; the sender decides what to do."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    closes: ClassVar[bool] = False

    def __init__(self, code: str, sentence: str, *, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.retry_after = retry_after

    def headers(self) -> dict[str, str]:
        """Headers that belong to the answer."""
        headers: dict[str, str] = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.closes:
            headers["Connection"] = "close"
        return headers

    def members(self) -> dict[str, Any]:
        """Members of the problem document beyond the common ones."""
        return {}


class BadFraming(Refusal):
    """The request could be read in two ways. Send a length or chunks, not both."""

    closes = True


class BadRequest(Refusal):
    """A parameter is missing or malformed. Correct it; nothing was read."""


class NotProven(Refusal):
    """The signature is missing, malformed, stale or wrong. Sign again with a current secret."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(Refusal):
    """The proof is good, but not for this. Use the key that belongs to the request."""

    status = HTTPStatus.FORBIDDEN


class Unknown(Refusal):
    """There is nothing at this address. Check the key in the path."""

    status = HTTPStatus.NOT_FOUND


class WrongMethod(Refusal):
    """The address is right and the method is not; ``Allow`` names one that is."""

    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, allowed: str) -> None:
        super().__init__("method_not_allowed", "This address does not take this method.")
        self._allowed = allowed

    def headers(self) -> dict[str, str]:
        """Which method is taken here."""
        return super().headers() | {"Allow": self._allowed}


class TooSlow(Refusal):
    """The body did not arrive in time. Send it again at once."""

    status = HTTPStatus.REQUEST_TIMEOUT
    closes = True


class TooLarge(Refusal):
    """The body is over the limit. Split it."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    closes = True


class HeadTooLarge(Refusal):
    """Too many headers, or too long ones."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    closes = True


class TooOften(Refusal):
    """The tenant's quota is used up. Wait as long as ``Retry-After`` says."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Unavailable(Refusal):
    """It cannot be decided now: the database, the keys, the queue, or whose it is. Send the same again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, code: str, sentence: str, *, retry_after: int = 1) -> None:
        super().__init__(code, sentence, retry_after=retry_after)


class Bug(Refusal):
    """The mistake is ours. It is logged by its place; send the same again later."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class BadBody(Refusal):
    """The sender is proven and the body is unusable: it is set aside whole, under the code as its reason."""


class Unreadable(BadBody):
    """Not the strict JSON, or form encoding, that is asked for."""


class Unsupported(BadBody):
    """A media type or content encoding that is not taken."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class TooMany(BadBody):
    """More events than one body may hold. Split it."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class OffSchema(BadBody):
    """Readable, but not what the schema asks for; ``errors`` points at each place."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, code: str, sentence: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(code, sentence)
        self.errors = list(errors)

    def members(self) -> dict[str, Any]:
        """Where and why, by JSON pointer; never the value."""
        return {"errors": self.errors}


class Conflict(Refusal):
    """An event with this key is stored and differs: the first stands, this one is set aside for a person."""

    status = HTTPStatus.CONFLICT

    def __init__(self, results: Sequence[str]) -> None:
        super().__init__("conflict", "An event with this key was stored before, with another body.")
        self.results = list(results)

    def members(self) -> dict[str, Any]:
        """What became of each event of the body, in its order."""
        return {"results": self.results}


def render(problem: Refusal, request_id: str) -> bytes:
    """The problem document.

    Args:
        problem: What was refused.
        request_id: Ours; the same as in the log and beside whatever was set aside.

    Returns:
        UTF-8 JSON with ``title``, ``status``, ``code``, ``detail``, ``request_id`` and the problem's own members.
    """
    return json.dumps(
        {
            "title": problem.status.phrase,
            "status": int(problem.status),
            "code": problem.code,
            "detail": problem.sentence,
            "request_id": request_id,
            **problem.members(),
        }
    ).encode()
