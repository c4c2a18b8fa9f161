"""What the return codes of TikTok's Business API mean to a sender, row by row. They come in an HTTP 200.

Belongs here: the rows. Lives elsewhere: reading an answer (``tiktok_events.py``), what a sender does then
(``deliveries/ledger/outcomes.py``). ``docs/destinations/tiktok.md`` shows the same rows.
"""

from __future__ import annotations

from orchestration.vendors.codes import Action, Code

# What the pages say is the meaning; what a sender should do about it is our judgement.
_CODES = "business-api.tiktok.com/portal/docs?id=1737172488964097 and tiktok_code.py of its SDK (f809c396)"
_LIMITS = "the same, and the Business API's page on rate limits"
_SDK = "tiktok_code.py of its SDK (f809c396)"

OK = "0"
PARTIAL = "20001"
DUPLICATE = "40050"

_ROWS = (
    Code(OK, Action.DELIVERED, "All of it was taken.", _CODES),
    # Only the failed rows go again; one that the answer gives a code of its own is judged by that code.
    Code(PARTIAL, Action.IN_DOUBT, "Some rows were taken and some were not.", _CODES),
    Code(DUPLICATE, Action.DELIVERED, "This request was made before.", _CODES),
    Code("40202", Action.IN_DOUBT, "Two writes met; this one may be lost.", _CODES),
    Code("50000", Action.IN_DOUBT, "An error of TikTok's system.", _CODES),
    Code("50002", Action.IN_DOUBT, "An error of TikTok's system.", _CODES),
    Code("51010", Action.IN_DOUBT, "A service behind it took too long.", _CODES),
    Code("51012", Action.IN_DOUBT, "The service for pixels failed.", _CODES),
    Code("51054", Action.IN_DOUBT, "The service for CRM events failed.", _CODES),
    Code(
        "http_5xx", Action.IN_DOUBT, "A failure at TikTok's edge: wait about five minutes.", _CODES
    ),
    Code("40016", Action.RETRY_AT, "The app asks too often.", _CODES),
    Code("40100", Action.RETRY_AT, "Too many requests: wait five minutes.", _LIMITS),
    Code("40132", Action.RETRY_AT, "Too many requests for this pixel.", _CODES),
    Code("40133", Action.RETRY_AT, "Too many requests for this pixel.", _CODES),
    Code("60001", Action.RETRY_AT, "Under maintenance.", _CODES),
    Code("61000", Action.RETRY_AT, "Too many requests.", _CODES),
    Code("40000", Action.REFUSE_ROW, "A parameter is wrong, in some row.", _CODES),
    Code("40002", Action.REFUSE_ROW, "A parameter is wrong, in some row.", _CODES),
    Code("40061", Action.REFUSE_ROW, "Too many rows in one request: it is halved.", _CODES),
    Code("40062", Action.REFUSE_ROW, "Personal data that is not hashed: an error of ours.", _SDK),
    Code("40700", Action.REFUSE_ROW, "TikTok's own check refused it.", _CODES),
    Code("40001", Action.STOP_DESTINATION, "The token lacks a permission for this.", _CODES),
    Code("40006", Action.STOP_DESTINATION, "This version of the interface is gone.", _CODES),
    Code("40051", Action.STOP_DESTINATION, "This version of the interface is gone.", _CODES),
    Code(
        "40007",
        Action.STOP_DESTINATION,
        "No such pixel or event set: correct its number in the account.",
        _CODES,
    ),
    Code("40063", Action.STOP_DESTINATION, "The name of the partner is wrong.", _CODES),
    Code("40113", Action.STOP_DESTINATION, "The app is blocked: ask TikTok.", _CODES),
    Code("40118", Action.STOP_DESTINATION, "The app is not on the list of those allowed.", _CODES),
    Code("40300", Action.STOP_DESTINATION, "No such advertiser.", _CODES),
    Code("41000", Action.STOP_DESTINATION, "This address on the internet is blocked.", _CODES),
    Code("41001", Action.STOP_DESTINATION, "This interface is out of service.", _CODES),
    Code("40101", Action.STOP_CREDENTIAL, "The token is refused: make a new one.", _CODES),
    Code("40102", Action.STOP_CREDENTIAL, "The token has expired: make a new one.", _CODES),
    Code("40104", Action.STOP_CREDENTIAL, "The token is empty: give one.", _CODES),
    Code(
        "40105", Action.STOP_CREDENTIAL, "The token is invalid or revoked: make a new one.", _CODES
    ),
)

CODES = {row.code: row for row in _ROWS}
