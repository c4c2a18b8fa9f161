"""What the codes of Meta's Graph API mean to a sender, row by row.

A code with a subcode is looked up as ``code_subcode`` first, then as the code alone.

Belongs here: the rows. Lives elsewhere: reading an answer (``meta_conversions.py``), what a sender does then
(``deliveries/ledger/outcomes.py``). ``docs/destinations/meta.md`` shows the same rows.
"""

from __future__ import annotations

from orchestration.vendors.codes import Action, Code

# What the pages say is the meaning; what a sender should do about it is mostly our judgement.
_ERRORS = "developers.facebook.com/docs/marketing-api/error-reference"
_LIMITS = "developers.facebook.com/docs/marketing-api/overview/rate-limiting"
_OTHERS = "third-party connectors; not on Meta's own pages"
_SEEN = "seen with facebook-business 26.0.3, which takes it for a success"

_ROWS = (
    Code("1", Action.IN_DOUBT, "An error that Meta does not know itself.", _ERRORS),
    Code("2", Action.IN_DOUBT, "The service is unavailable for the moment.", _ERRORS),
    Code("5000", Action.IN_DOUBT, "An error of reading reports that Meta does not know.", _ERRORS),
    Code("http_5xx", Action.IN_DOUBT, "A failure at Meta's edge, with HTML for a body.", _SEEN),
    Code("4", Action.RETRY_AT, "The app has made too many calls.", _ERRORS),
    Code("4_1504022", Action.RETRY_AT, "The app has made too many calls.", _ERRORS),
    Code("4_1504039", Action.RETRY_AT, "The app has made too many calls.", _ERRORS),
    Code("17", Action.RETRY_AT, "The user or the account has made too many calls.", _ERRORS),
    Code(
        "17_2446079", Action.RETRY_AT, "The user or the account has made too many calls.", _ERRORS
    ),
    Code("613", Action.RETRY_AT, "A limit of this call's own is reached.", _ERRORS),
    Code("613_1487742", Action.RETRY_AT, "A limit of this call's own is reached.", _ERRORS),
    Code("613_5044001", Action.RETRY_AT, "A limit of this call's own is reached.", _ERRORS),
    Code(
        "80000", Action.RETRY_AT, "Too many calls for reports; the header says how long.", _LIMITS
    ),
    Code(
        "80003", Action.RETRY_AT, "Too many calls for audiences; the header says how long.", _LIMITS
    ),
    Code(
        "80004",
        Action.RETRY_AT,
        "Too many calls for managing ads; the header says how long.",
        _LIMITS,
    ),
    Code(
        "80014", Action.RETRY_AT, "Too many calls of this use; the header says how long.", _LIMITS
    ),
    Code("10", Action.STOP_DESTINATION, "The token lacks a permission for this.", _ERRORS),
    Code("200", Action.STOP_DESTINATION, "The token lacks a permission for this.", _ERRORS),
    Code("294", Action.STOP_DESTINATION, "The token lacks a permission to manage ads.", _ERRORS),
    Code(
        "100_33",
        Action.STOP_DESTINATION,
        "No such dataset, or the token may not see it: correct the dataset's number or give the token access.",
        _ERRORS,
    ),
    Code(
        "2044055",
        Action.STOP_DESTINATION,
        "No such dataset, said of its match quality.",
        _OTHERS,
    ),
    Code(
        "100_2044055",
        Action.STOP_DESTINATION,
        "The same as a subcode; that it comes so is our guess.",
        _OTHERS,
    ),
    Code(
        "368",
        Action.STOP_DESTINATION,
        "Blocked by policy for the time being; not sure whether it is said of conversions.",
        _ERRORS,
    ),
    # No row can be to blame for the path or the version.
    Code("2500", Action.STOP_DESTINATION, "The address or its query is wrong.", _ERRORS),
    Code(
        "2635",
        Action.STOP_DESTINATION,
        "This version of the Graph API has ended: set LEADLOOP_META_GRAPH_VERSION to a newer one.",
        _ERRORS,
    ),
    Code("102", Action.STOP_CREDENTIAL, "The token's session is over: make a new token.", _ERRORS),
    Code(
        "190",
        Action.STOP_CREDENTIAL,
        "The token is invalid or has expired: make a new one.",
        _ERRORS,
    ),
    Code("104", Action.STOP_CREDENTIAL, "The app's secret is wrong: give the app's own.", _ERRORS),
    Code("100", Action.REFUSE_ROW, "A value is invalid, in some row.", _ERRORS),
    Code("100_1487534", Action.REFUSE_ROW, "Too much was asked for at once, of reports.", _ERRORS),
    Code("100_2804003", Action.REFUSE_ROW, "event_time is too old.", _OTHERS),
    Code(
        "100_2804004",
        Action.REFUSE_ROW,
        "event_time is in the future: check clock and zone.",
        _OTHERS,
    ),
    Code("100_2804009", Action.REFUSE_ROW, "A purchase without a value.", _OTHERS),
    Code("100_2804023", Action.REFUSE_ROW, "A value without a currency.", _OTHERS),
    Code("100_2804066", Action.REFUSE_ROW, "Messaging knows no event of this name.", _OTHERS),
    Code("100_2804069", Action.REFUSE_ROW, "Messaging: the page's number is missing.", _OTHERS),
    Code(
        "100_2804116",
        Action.REFUSE_ROW,
        "Messaging: neither a page nor a WhatsApp Business Account is named.",
        _OTHERS,
    ),
    Code("100_2804087", Action.REFUSE_ROW, "Messaging: ctwa_clid is invalid.", _OTHERS),
)

CODES = {row.code: row for row in _ROWS}
# Every other code of this range is a throttle of some business use case too.
_BUSINESS_THROTTLES = range(80_000, 80_100)


def find_row(code: str) -> Code | None:
    """The row of a code: with its subcode, else without; None for a code that no page names.

    Args:
        code: ``code`` or ``code_subcode``.
    """
    bare = code.partition("_")[0]
    row = CODES.get(code) or CODES.get(bare)
    if row is None and bare.isdigit() and int(bare) in _BUSINESS_THROTTLES:
        return CODES["80000"]
    return CODES["http_5xx"] if row is None and code.startswith("http_5") else row
