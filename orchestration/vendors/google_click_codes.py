"""What the Google Ads API's errors mean to a sender of clicks.

Codes are named by their kind, as ``ConversionUploadError.EXPIRED_EVENT``, for kinds share names.
``docs/destinations/google.md`` shows the same rows; a test compares them with the enums of the installed library.
"""

from __future__ import annotations

from orchestration.vendors.codes import Action, Code
from orchestration.vendors.google_codes import Rows, table_of

_CLICK_SOURCE = "google-ads 34.0.0, v26 errors; action ours"


def _kind(kind: str, rows: dict[Action, Rows]) -> dict[str, Code]:
    named = {a: {f"{kind}.{name}": text for name, text in r.items()} for a, r in rows.items()}
    return table_of(_CLICK_SOURCE, named)


CLICK_UPLOAD: dict[str, Code] = {
    **_kind(
        "ConversionUploadError",
        {
            Action.DELIVERED: {
                "DUPLICATE_ORDER_ID": "The request holds this order id twice; one of them counts.",
                "ORDER_ID_ALREADY_IN_USE": "A conversion of this order id is there already.",
                "CLICK_CONVERSION_ALREADY_EXISTS": "A conversion of this click and time is there already.",
                "DUPLICATE_CLICK_CONVERSION_IN_REQUEST": (
                    "The request holds this click and time twice; one of them counts."
                ),
            },
            Action.UNMATCHED: {
                "CLICK_NOT_FOUND": (
                    "No click fits what was sent: expected of rows with hashes only; a row with a click id is refused."
                ),
            },
            Action.NOT_YET: {
                "TOO_RECENT_EVENT": "The click is younger than six hours.",
                "TOO_RECENT_CONVERSION_ACTION": "The conversion action is younger than six hours.",
            },
            Action.STOP_DESTINATION: {
                "NO_CONVERSION_ACTION_FOUND": "The account has no conversion action of this number that is enabled.",
                "INVALID_CONVERSION_ACTION_TYPE": "The conversion action is not one for uploads from clicks.",
                "CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS": (
                    "The account has not switched enhanced conversions for leads on."
                ),
                "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS": "The account has not accepted the customer data terms.",
                "CUSTOMER_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS": (
                    "Google's data policies forbid this account enhanced conversions."
                ),
                "INVALID_JOB_ID": "The job id of the request is outside of the numbers that a caller may choose.",
                "EXTERNAL_ATTRIBUTION_DATA_NOT_SET_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION": (
                    "The action is one for external attribution: choose another."
                ),
                "ORDER_ID_NOT_PERMITTED_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION": (
                    "The action is one for external attribution, which takes no order ids: choose another."
                ),
                "EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION_NOT_PERMITTED_WITH_USER_IDENTIFIER": (
                    "The action is one for external attribution, which takes no identifiers: choose another."
                ),
            },
            Action.REFUSE_ROW: {
                "TOO_MANY_CONVERSIONS_IN_REQUEST": "The request has more than 2,000 conversions and is halved.",
                "UNPARSEABLE_GCLID": "The gclid cannot be read: it was cut or altered on its way.",
                "UNPARSEABLE_WBRAID": "The wbraid cannot be read: it was cut or altered on its way.",
                "UNPARSEABLE_GBRAID": "The gbraid cannot be read: it was cut or altered on its way.",
                "CONVERSION_PRECEDES_EVENT": "The conversion lies before its click: look for a fault of time zones.",
                "EXPIRED_EVENT": "The click is older than the action's window.",
                "EVENT_NOT_FOUND": "The click cannot be credited.",
                "UNAUTHORIZED_CUSTOMER": "The account may not upload for the click's account.",
                "INVALID_CUSTOMER_FOR_CLICK": "The click is of another account.",
                "CONVERSION_TRACKING_NOT_ENABLED_AT_IMPRESSION_TIME": (
                    "The account did not track conversions when the ad was shown."
                ),
                "EXTERNAL_ATTRIBUTION_DATA_SET_FOR_NON_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION": (
                    "The row carries data of external attribution, which this action does not take."
                ),
                "CUSTOM_VARIABLE_NOT_ENABLED": "The custom variable is not switched on.",
                "CUSTOM_VARIABLE_VALUE_CONTAINS_PII": "A custom variable holds personal data: tell an operator.",
                "ORDER_ID_CONTAINS_PII": "Google takes the order id for personal data: tell an operator.",
                "CONVERSION_NOT_COMPLIANT_WITH_ATT_POLICY": (
                    "Apple's rules on tracking forbid this conversion of an app's user."
                ),
                "INVALID_USER_IDENTIFIER": "An identifier is not a SHA-256 of its kind.",
                "UNSUPPORTED_USER_IDENTIFIER": "Uploads take hashed e-mail and phone only.",
                "GBRAID_WBRAID_BOTH_SET": "A row carries gbraid or wbraid, never both.",
                "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID": (
                    "The action counts one conversion per click, which does not go with gbraid and wbraid:"
                    " let it count every one."
                ),
                "TOO_RECENT_CALL": "Of uploads from calls, which are not made here.",
                "EXPIRED_CALL": "Of uploads from calls, which are not made here.",
                "CALL_NOT_FOUND": "Of uploads from calls, which are not made here.",
                "CONVERSION_PRECEDES_CALL": "Of uploads from calls, which are not made here.",
                "CONVERSION_TRACKING_NOT_ENABLED_AT_CALL_TIME": "Of uploads from calls, which are not made here.",
                "UNPARSEABLE_CALLERS_PHONE_NUMBER": "Of uploads from calls, which are not made here.",
                "CALL_CONVERSION_ALREADY_EXISTS": "Of uploads from calls, which are not made here.",
                "DUPLICATE_CALL_CONVERSION_IN_REQUEST": "Of uploads from calls, which are not made here.",
                "INVALID_CUSTOMER_FOR_CALL": "Of uploads from calls, which are not made here.",
            },
        },
    ),
    **_kind(
        "ConversionAdjustmentUploadError",
        {
            Action.DELIVERED: {
                "CONVERSION_ALREADY_RETRACTED": "The conversion is taken back already; there is nothing to change.",
                "RESTATEMENT_ALREADY_EXISTS": "This change is there already.",
                "DUPLICATE_ADJUSTMENT_IN_REQUEST": "The request holds this change twice; one of them counts.",
            },
            Action.NOT_YET: {
                "TOO_RECENT_CONVERSION_ACTION": "The conversion action is younger than six hours.",
                "TOO_RECENT_CONVERSION": "Google has not finished with the conversion that this changes.",
            },
            Action.STOP_DESTINATION: {
                "NO_CONVERSION_ACTION_FOUND": "The account has no conversion action of this number that is enabled.",
                "INVALID_CONVERSION_ACTION_TYPE": "The conversion action takes no changes.",
                "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS": "The account has not accepted the customer data terms.",
                "INVALID_JOB_ID": "The job id of the request is outside of the numbers that a caller may choose.",
            },
            Action.REFUSE_ROW: {
                "CONVERSION_NOT_FOUND": "Google has no conversion of this order id.",
                "CONVERSION_EXPIRED": "The conversion is too old to be changed.",
                "ADJUSTMENT_PRECEDES_CONVERSION": "The change lies before its conversion.",
                "MORE_RECENT_RESTATEMENT_FOUND": "A later change is there already and stands.",
                "CANNOT_RESTATE_CONVERSION_ACTION_THAT_ALWAYS_USES_DEFAULT_CONVERSION_VALUE": (
                    "The action gives each conversion its own default value: let it use the values sent."
                ),
                "TOO_MANY_ADJUSTMENTS_IN_REQUEST": "The request has more than 2,000 changes and is halved.",
                "TOO_MANY_ADJUSTMENTS": "This conversion was changed too often.",
                "GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET": "A change names its conversion in one way, not in two.",
                "ORDER_ID_CONTAINS_PII": "Google takes the order id for personal data: tell an operator.",
                "CONVERSION_ACTION_NOT_ELIGIBLE_FOR_ENHANCEMENT": "Of enhancements, which are not made here.",
                "INVALID_USER_IDENTIFIER": "Of enhancements, which are not made here.",
                "UNSUPPORTED_USER_IDENTIFIER": "Of enhancements, which are not made here.",
                "CONVERSION_ALREADY_ENHANCED": "Of enhancements, which are not made here.",
                "DUPLICATE_ENHANCEMENT_IN_REQUEST": "Of enhancements, which are not made here.",
                "CUSTOMER_DATA_POLICY_PROHIBITS_ENHANCEMENT": "Of enhancements, which are not made here.",
                "MISSING_ORDER_ID_FOR_WEBPAGE": "The action is of a web page and needs the order id.",
            },
        },
    ),
    **_kind(
        "QuotaError",
        {
            Action.RETRY_AT: {
                "RESOURCE_EXHAUSTED": "The day's operations are used up.",
                "RESOURCE_TEMPORARILY_EXHAUSTED": "Too many requests at once; Google says for how long to wait.",
                "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION": "Reads were too heavy in a short time.",
                "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION": "Reads were too heavy over a day.",
                "PAYMENTS_PROFILE_ACTIVATION_RATE_LIMIT_EXCEEDED": "Too many activations of a payments profile.",
            },
            Action.STOP_DESTINATION: {
                "ACCESS_PROHIBITED": "Google has closed the API to this project or account.",
            },
        },
    ),
    **_kind(
        "InternalError",
        {
            Action.IN_DOUBT: {
                "INTERNAL_ERROR": "Google had a fault of its own.",
                "ERROR_CODE_NOT_PUBLISHED": "Google had a fault that this version of the API has no word for.",
                "TRANSIENT_ERROR": "Google had a fault that passes.",
                "DEADLINE_EXCEEDED": "Google took too long.",
            },
        },
    ),
    **_kind(
        "AuthenticationError",
        {
            Action.STOP_CREDENTIAL: {
                "AUTHENTICATION_ERROR": "The request could not be authenticated.",
                "GOOGLE_ACCOUNT_DELETED": "The Google account behind the credential was deleted.",
                "GOOGLE_ACCOUNT_COOKIE_INVALID": "The credential is not valid.",
                "GOOGLE_ACCOUNT_AUTHENTICATION_FAILED": "The Google account behind the credential was not let in.",
                "GOOGLE_ACCOUNT_USER_AND_ADS_USER_MISMATCH": "The credential is of another user than the account.",
                "LOGIN_COOKIE_REQUIRED": "The request carried no credential.",
                "NOT_ADS_USER": "The Google account behind the credential has no Google Ads account.",
                "OAUTH_TOKEN_INVALID": "The access token is not valid.",
                "OAUTH_TOKEN_EXPIRED": "The access token is too old.",
                "OAUTH_TOKEN_DISABLED": "The access token was switched off.",
                "OAUTH_TOKEN_REVOKED": "The consent behind the access token was taken back: sign in again.",
                "OAUTH_TOKEN_HEADER_INVALID": "The access token is not written as one.",
                "LOGIN_COOKIE_INVALID": "The credential is not valid.",
                "INVALID_EMAIL_ADDRESS": "The Google account behind the credential has no valid address.",
                "USER_ID_INVALID": "The user of the credential does not exist.",
                "TWO_STEP_VERIFICATION_NOT_ENROLLED": "The user must turn two-step verification on.",
                "ADVANCED_PROTECTION_NOT_ENROLLED": "The user must join the Advanced Protection Program.",
                "ORGANIZATION_NOT_RECOGNIZED": "Google does not know the organisation of the Cloud project.",
                "ORGANIZATION_NOT_APPROVED": "The organisation of the Cloud project has no access to the API.",
                "ORGANIZATION_NOT_ASSOCIATED_WITH_DEVELOPER_TOKEN": (
                    "The organisation of the Cloud project is not the developer token's."
                ),
                "DEVELOPER_TOKEN_INVALID": "The developer token is not valid; none is needed since September 2026.",
            },
            Action.STOP_DESTINATION: {
                "CLIENT_CUSTOMER_ID_INVALID": "The account number is not written as one.",
                "CUSTOMER_NOT_FOUND": "There is no account of this number.",
            },
        },
    ),
    **_kind(
        "AuthorizationError",
        {
            Action.STOP_DESTINATION: {
                "USER_PERMISSION_DENIED": "The credential may not use this account: look at the login account.",
                "DEVELOPER_TOKEN_NOT_ON_ALLOWLIST": "The developer token may not be used.",
                "DEVELOPER_TOKEN_PROHIBITED": "The developer token does not go with this Cloud project.",
                "PROJECT_DISABLED": "The Cloud project is switched off.",
                "AUTHORIZATION_ERROR": "The credential may not do this.",
                "ACTION_NOT_PERMITTED": "The account does not permit this.",
                "INCOMPLETE_SIGNUP": "The account has not finished signing up.",
                "CUSTOMER_NOT_ENABLED": "The account is not active.",
                "MISSING_TOS": "The account has not accepted the API's terms.",
                "DEVELOPER_TOKEN_NOT_APPROVED": "The developer token is for test accounts only.",
                "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION": (
                    "The Cloud project may reach test accounts only: apply for access."
                ),
                "INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION": (
                    "The login account does not manage this account."
                ),
                "SERVICE_ACCESS_DENIED": "The account may not use this service.",
                "ACCESS_DENIED_FOR_ACCOUNT_TYPE": "Accounts of this kind may not do this.",
                "METRIC_ACCESS_DENIED": "The credential may not read these numbers.",
                "CLOUD_PROJECT_NOT_UNDER_ORGANIZATION": "The Cloud project belongs to no organisation.",
                "ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT": "The account is suspended.",
            },
        },
    ),
    **_kind(
        "NotAllowlistedError",
        {
            Action.STOP_DESTINATION: {
                "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE": (
                    "Google takes no new users of the classic upload: switch to the Data Manager API"
                    " (take api=click_upload out of the account's configuration)."
                ),
            },
        },
    ),
    **_kind(
        "RequestError",
        {
            Action.STOP_DESTINATION: {
                "CLOUD_PROJECT_NOT_FOUND": "The Cloud project behind the credential does not exist.",
                "INVALID_CUSTOMER_ID": "The account number is not written as one.",
                "CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT": "The account is a manager: name the one that owns the action.",
                "LOGIN_CUSTOMER_ID_PARAMETER_MISSING": "A manager leads to the account: name the login account.",
                "DEVELOPER_TOKEN_PARAMETER_MISSING": "Google asks for a developer token.",
                "UNSUPPORTED_VERSION": "This version of the API has ended: update.",
            },
            Action.REFUSE_ROW: {
                "REQUIRED_FIELD_MISSING": "A field that must be there is missing.",
                "INVALID_ENUM_VALUE": "A word is not one of those that its field takes.",
                "RESOURCE_NAME_MALFORMED": "The conversion action's name is not written as one.",
            },
        },
    ),
    **_kind(
        "DateError",
        {
            Action.REFUSE_ROW: {
                "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET": "A time is not written with its offset.",
                "INVALID_FIELD_VALUES_IN_DATE_TIME": "A time does not exist.",
                "EARLIER_THAN_MINIMUM_DATE": "A time is too early.",
                "LATER_THAN_MAXIMUM_DATE": "A time is too late.",
            },
        },
    ),
    **_kind(
        "PartialFailureError",
        {
            Action.STOP_DESTINATION: {
                "PARTIAL_FAILURE_MODE_REQUIRED": "The upload did not ask for answers by row; ours always does.",
            },
        },
    ),
}
