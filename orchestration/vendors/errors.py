"""What can go wrong with an outside system, as a family in which each class says what to do.

A client raises nothing else. An error's text is a code of the vendor's or of ours and never a sentence of the
vendor's: those quote the request, and with it personal data.

Belongs here: the family. Lives elsewhere: which code of which vendor means which member (beside each client).
"""

from __future__ import annotations

from datetime import timedelta


class VendorError(Exception):
    """An outside system did not do what was asked.

    Attributes:
        code: The vendor's code, or one of ours (``http_502``, ``read_timeout``).
        request_id: The vendor's own name of the request, where it gave one.
        retry_after: How long the vendor asks us to wait, where it says.
    """

    def __init__(
        self,
        code: str,
        *,
        request_id: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after


class Unreachable(VendorError):
    """No byte of the request was read by anyone: nothing was applied. Try again later."""


class Throttled(VendorError):
    """Asked too often: nothing was applied. Wait; the attempt does not count."""


class TooEarly(VendorError):
    """The vendor does not know the click or the action yet: nothing was applied. Try again in hours."""


class Unclear(VendorError):
    """The request may or may not have been applied. Send it again only under the same ids."""


class RouteBlocked(VendorError):
    """The account, the action or a permission is refused, not a row. Stop the route; an operator must act."""


class Unauthorized(RouteBlocked):
    """The credential is refused. Stop everything that uses it; an operator must act."""


class RequestRefused(VendorError):
    """The whole request is refused for the sake of some of its rows.

    Attributes:
        rows: The positions that the vendor named, each with its code; empty when it named none.
        may_be_applied: Whether some rows may have been applied all the same, and the vendor does not say which.
    """

    def __init__(
        self,
        code: str,
        *,
        rows: dict[int, str] | None = None,
        request_id: str | None = None,
        may_be_applied: bool = False,
    ) -> None:
        super().__init__(code, request_id=request_id)
        self.rows = rows or {}
        self.may_be_applied = may_be_applied
