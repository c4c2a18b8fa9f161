"""What Google's codes mean to a sender: the Data Manager API's reasons, and the classic upload's errors.

Three tables: ``REQUEST`` (reasons for which the Data Manager API refuses a request), ``PROCESSING`` (reasons that it
counts later, after it took the request) and ``CLICK_UPLOAD`` (errors of the Google Ads API, named by their kind as
``ConversionUploadError.EXPIRED_EVENT``, for kinds share names). ``docs/destinations/google.md`` shows the same rows.

Reasons that a sender of conversions cannot meet are in ``REQUEST_OF_OTHERS`` and ``PROCESSING_OF_OTHERS``, by why. A
test compares all of them with the enums of the installed libraries, so that a new code is met with a decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.vendors.codes import Action, Code

if TYPE_CHECKING:
    from collections.abc import Sequence

_REQUEST_SOURCE = "google-ads-datamanager 0.9.4, ErrorReason; action ours"
_PROCESSING_SOURCE = "google-ads-datamanager 0.9.4, ProcessingErrorReason; action ours"
_CLICK_SOURCE = "google-ads 34.0.0, v26 errors; action ours"

Rows = dict[str, str]


def _table(source: str, rows: dict[Action, Rows]) -> dict[str, Code]:
    return {
        code: Code(code, action, meaning, source)
        for action, meanings in rows.items()
        for code, meaning in meanings.items()
    }


REQUEST: dict[str, Code] = _table(
    _REQUEST_SOURCE,
    {
        Action.IN_DOUBT: {
            "INTERNAL_ERROR": "Google had a fault of its own.",
            "DEADLINE_EXCEEDED": "Google took too long.",
        },
        Action.RETRY_AT: {
            "RESOURCE_EXHAUSTED": "The Cloud project's quota is used up (300 requests a minute, 100,000 a day).",
        },
        Action.NOT_YET: {
            "CONVERSION_ACTION_TOO_RECENTLY_CREATED": "The conversion action is younger than some hours.",
        },
        Action.STOP_DESTINATION: {
            "NOT_FOUND": "Something that the request names does not exist: look at account and conversion action.",
            "PERMISSION_DENIED": "The credential may not write to this account: look at the login account.",
            "TOO_MANY_DESTINATIONS": "A request names at most ten destinations; ours name one.",
            "INVALID_DESTINATION": "The account or conversion action of the request is no valid destination.",
            "TERMS_AND_CONDITIONS_NOT_SIGNED": "The account has not accepted terms that this needs.",
            "INVALID_CONVERSION_ACTION_ID": "The account has no conversion action of this number.",
            "INVALID_CONVERSION_ACTION_TYPE": "The conversion action is not one for uploads from clicks.",
            "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS": (
                "The account has not switched enhanced conversions for leads on."
            ),
            "DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS": (
                "Google's data policies forbid this account enhanced conversions."
            ),
            "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED": (
                "The account has not accepted the customer data terms."
            ),
            "DUPLICATE_DESTINATION_REFERENCE": "Two destinations of one request have the same label.",
            "LINKED_ACCOUNT_ONLY_ALLOWED_WITH_DATA_PARTNER_LOGIN_ACCOUNT": (
                "A linked account was named, which only data partners may do."
            ),
            "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH": (
                "The login account is not one through which this account may be written to."
            ),
            "NOT_ALLOWLISTED": "The account may not use this feature.",
            "ADVERTISER_TOS_NOT_ACCEPTED": "The advertiser has not accepted terms of service.",
            "EVENT_SOURCE_AND_DESTINATION_MISMATCH": (
                "The conversion action does not take events of this source: look at the action's kind."
            ),
            "DESTINATION_ACCOUNT_TYPE_MISMATCH": "The account of this number is not a Google Ads account.",
            "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": (
                "The account's campaigns lack the declaration on political advertising in the EU."
            ),
        },
        Action.REFUSE_ROW: {
            "INVALID_ARGUMENT": "Something in the request is wrong, and Google does not say what.",
            "REQUIRED_FIELD_MISSING": "A field that must be there is missing.",
            "INVALID_FORMAT": "A value does not have its format.",
            "INVALID_HEX_ENCODING": "A hash is not written in hexadecimal digits: a fault of hashing.",
            "INVALID_BASE64_ENCODING": "A hash is not written in base64: a fault of hashing.",
            "INVALID_SHA256_FORMAT": "A value is no SHA-256: a fault of hashing.",
            "INVALID_POSTAL_CODE": "The postal code is not valid.",
            "INVALID_COUNTRY_CODE": "The country is not valid; the library calls this reason unused.",
            "INVALID_REGION_CODE": "The country or region is not valid.",
            "INVALID_ENUM_VALUE": "A word is not one of those that its field takes.",
            "INVALID_NUMBER_FORMAT": "A number is not written as one.",
            "INVALID_CURRENCY_CODE": "Google does not take this currency.",
            "INVALID_EVENT": "The event is not valid.",
            "INVALID_EVENT_NAME": "Google does not take an event of this name.",
            "RESERVED_NAME_USED": "A name is reserved.",
            "TOO_MANY_USER_IDENTIFIERS": "One person has at most ten identifiers.",
            "TOO_MANY_EVENTS": "The request has too many events and is halved.",
            "TOO_MANY_ELEMENTS": "A list in the request is too long.",
            "TOO_FEW_ELEMENTS": "A list in the request is too short.",
            "FIELD_VALUE_TOO_LONG": "A value is too long.",
            "FIELD_VALUE_TOO_SHORT": "A value is too short.",
            "NO_IDENTIFIERS_PROVIDED": "Neither a click nor a person can be found by this event.",
            "EVENT_TIME_INVALID": "The event lies outside of the time that the action takes events from.",
            "CUSTOM_VARIABLE_VALUE_CONTAINS_PII": "A custom variable holds personal data: tell an operator.",
            "CUSTOM_VARIABLE_NOT_ENABLED": "The custom variable is not switched on.",
            "INVALID_CUSTOM_VARIABLE_VALUE": "The custom variable does not take this value.",
            "CUSTOM_VARIABLE_NOT_FOUND": "The account has no custom variable of this name.",
            "INVALID_AD_IDENTIFIER_FOR_ACCOUNT": "The click is of another account's ad.",
            "INVALID_REQUEST_ID": "Google knows no request of this id; asking again is of no use.",
            "REQUEST_TOO_OLD": "Google kept the request's status for about 50 days and has dropped it.",
        },
    },
)

REQUEST_OF_OTHERS: dict[str, tuple[str, ...]] = {
    "audiences and user lists": (
        "INVALID_USER_LIST_TYPE",
        "INVALID_AUDIENCE_MEMBER",
        "TOO_MANY_AUDIENCE_MEMBERS",
        "INVALID_USER_LIST_ID",
        "MULTIPLE_DATA_TYPES_NOT_ALLOWED",
        "ALREADY_EXISTS",
        "IMMUTABLE_FIELD_FOR_UPDATE",
        "INVALID_RESOURCE_NAME",
        "INVALID_FILTER",
        "INVALID_UPDATE_MASK",
        "INVALID_PAGE_TOKEN",
        "INVALID_DESCRIPTION",
        "INVALID_DISPLAY_NAME",
        "DISPLAY_NAME_ALREADY_USED",
        "OWNERSHIP_REQUIRED_FOR_UPDATE",
        "USER_LIST_MUTATION_NOT_SUPPORTED",
        "SENSITIVE_USER_LIST_IMMUTABLE",
        "BILLABLE_RECORD_COUNT_IMMUTABLE",
        "USER_LIST_NAME_RESERVED",
        "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA",
        "USER_LIST_TYPE_NOT_SUPPORTED_FOR_ACCOUNT",
        "UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES",
        "UNSUPPORTED_INGESTED_USER_LIST_INFO_CONFIG",
        "UNSUPPORTED_ACCOUNT_TYPES_FOR_USER_LIST_TYPE",
        "MEMBERSHIP_DURATION_TOO_LONG",
        "TOO_MANY_USERS",
        "INVALID_REMOVE_AS_OF_TIME",
    ),
    "data partners": (
        "DATA_PARTNER_USER_LIST_MUTATE_NOT_ALLOWED",
        "DIFFERENT_LOGIN_ACCOUNTS_NOT_ALLOWED_FOR_DATA_PARTNER",
        "UNSUPPORTED_OPERATING_ACCOUNT_FOR_DATA_PARTNER",
        "UNSUPPORTED_LINKED_ACCOUNT_FOR_DATA_PARTNER",
        "UNSUPPORTED_PARTNER_AUDIENCE_SOURCE",
        "COMMERCE_PARTNER_NOT_ALLOWED",
        "UNSUPPORTED_PARTNER_AUDIENCE_INFO",
        "PARTNER_MATCH_FOR_MANAGER_ACCOUNT_DISALLOWED",
        "DATA_PARTNER_NOT_ALLOWLISTED_FOR_THIRD_PARTY_PARTNER_DATA",
        "ADVERTISER_NOT_ALLOWLISTED_FOR_THIRD_PARTY_PARTNER_DATA",
        "INVALID_COMMERCE_PARTNER",
        "CUSTOMER_NOT_ALLOWLISTED_FOR_COMMERCE_AUDIENCE",
        "UNSUPPORTED_ACCOUNT_TYPE_FOR_PARTNER_LINK",
        "THIRD_PARTY_USER_DATA_NOT_ALLOWED",
        "REQUIRED_PREREQUISITE_LINK_MISSING",
    ),
    "licences of user lists": (
        "CANNOT_UPDATE_DISABLED_LICENSE",
        "CANNOT_CREATE_LICENSE_FOR_SENSITIVE_USERLIST",
        "INSUFFICIENT_COST",
        "CANNOT_DISABLE_LICENSE",
        "INVALID_CLIENT_ACCOUNT_ID",
        "PRICING_ONLY_ZERO_COST_ALLOWED",
        "PRICE_TOO_HIGH",
        "CUSTOMER_NOT_ALLOWED_TO_CREATE_LICENSE",
        "INVALID_PRICING_END_DATE",
        "CANNOT_LICENSE_LOGICAL_LIST_WITH_LICENSED_OR_SHARED_SEGMENT",
        "MISMATCHED_ACCOUNT_TYPE",
        "MEDIA_SHARE_COST_NOT_ALLOWED_FOR_LICENSE_TYPE",
        "MEDIA_SHARE_COST_NOT_ALLOWED_FOR_CLIENT_CUSTOMER",
        "INVALID_MEDIA_SHARE_COST",
        "INVALID_COST_TYPE",
        "MEDIA_SHARE_COST_NOT_ALLOWED_FOR_NON_COMMERCE_USER_LIST",
        "MAX_COST_NOT_ALLOWED",
        "COMMERCE_AUDIENCE_CAN_ONLY_BE_DIRECTLY_LICENSED",
    ),
    "Google Analytics": (
        "INVALID_PROPERTY_TYPE",
        "INVALID_STREAM_TYPE",
        "MULTIPLE_DESTINATIONS_FOR_GOOGLE_ANALYTICS_EVENT",
        "INVALID_SUBDIVISION_CODE",
        "INVALID_SUBCONTINENT_CODE",
        "INVALID_CONTINENT_CODE",
        "INVALID_DEVICE_CATEGORY",
        "BOTH_CLIENT_ID_AND_APP_INSTANCE_ID_NOT_ALLOWED",
        "GOOGLE_ANALYTICS_SUBPROPERTY_OR_ROLLUP_PROPERTY_NOT_ALLOWED",
        "INVALID_COUPON_CODE",
    ),
    "carts, shops and apps": (
        "INVALID_MOBILE_ID_FORMAT",
        "INVALID_MERCHANT_ID",
        "ACCOUNT_INELIGIBLE_FOR_STORE_SALES",
        "INVALID_MERCHANT_FEED_LANGUAGE_CODE",
    ),
    "insights": ("BASELINE_LOCATION_AUTO_DETECTION_FAILED", "INSIGHTS_MISSING_FOR_DIMENSION"),
}

PROCESSING: dict[str, Code] = _table(
    _PROCESSING_SOURCE,
    {
        Action.DELIVERED: {
            "DUPLICATE_GCLID": "A conversion of this click and time is there already.",
            "DUPLICATE_TRANSACTION_ID": "A conversion of this transaction id is there already.",
        },
        Action.UNMATCHED: {
            "CLICK_NOT_FOUND": "No click fits what was sent: expected of hashed e-mail and phone.",
            "USER_ID_NOT_FOUND": "Nobody at Google fits what was sent.",
            "USER_ID_NOT_FOUND_FOR_GCLID": "Nobody at Google is behind this click.",
        },
        Action.IN_DOUBT: {
            "INTERNAL_ERROR": "Google had a fault of its own while it processed the row."
        },
        Action.NOT_YET: {"TOO_RECENT_CLICK": "The click is younger than some hours."},
        Action.REFUSE_ROW: {
            "INVALID_CUSTOM_VARIABLE": "A custom variable is not valid.",
            "CUSTOM_VARIABLE_NOT_ENABLED": "The custom variable is not switched on.",
            "EVENT_TOO_OLD": "The conversion is older than Google takes.",
            "DENIED_CONSENT": "Consent to the use for ads is denied, by the row or by the account's default.",
            "NO_CONSENT": "The consent that Google's core services need was not given.",
            "UNKNOWN_CONSENT": "Neither the row nor the account's settings say whether there is consent.",
            "INVALID_GCLID": "The gclid cannot be read: it was cut or altered on its way.",
            "INVALID_GBRAID": "The gbraid cannot be read: it was cut or altered on its way.",
            "INVALID_WBRAID": "The wbraid cannot be read: it was cut or altered on its way.",
            "INVALID_AD_IDENTIFIERS": "A click id cannot be read.",
            "OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER": "The click is of another account's ad.",
            "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED": (
                "The account has not accepted the customer data terms: accept them, then retry these rows."
            ),
            "INVALID_EVENT": "The event is not valid.",
            "INVALID_FORMAT": "A value does not have its format.",
            "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID": (
                "The action counts one conversion per click, which does not go with gbraid and wbraid:"
                " let it count every one."
            ),
            "ORIGINAL_CONVERSIONS_NOT_FOUND": "There is no conversion that this one could change.",
            "CONVERSION_PRECEDES_CLICK": "The conversion lies before its click: look for a fault of time zones.",
            "INVALID_CLICK": "The click cannot be credited: it may be of no Google Ads campaign.",
            "INVALID_OPERATING_ACCOUNT_FOR_CLICK": "The click is of another account.",
            "EXTERNAL_ATTRIBUTION_DATA_MISSING": (
                "The action is one for external attribution, which takes no such events: choose another."
            ),
        },
    },
)

PROCESSING_OF_OTHERS: dict[str, tuple[str, ...]] = {
    "encrypted identifiers": (
        "DECRYPTION_ERROR",
        "DEK_DECRYPTION_ERROR",
        "INVALID_WIP",
        "INVALID_KEK",
        "WIP_AUTH_FAILED",
        "KEK_PERMISSION_DENIED",
        "AWS_AUTH_FAILED",
        "USER_IDENTIFIER_DECRYPTION_ERROR",
    ),
    "store sales": ("INSUFFICIENT_MATCHED_TRANSACTIONS", "INSUFFICIENT_TRANSACTIONS"),
    "Campaign Manager and Display & Video": (
        "MATCH_ID_NOT_FOUND",
        "USER_ID_NOT_FOUND_FOR_MATCH_ID",
        "USER_ID_NOT_FOUND_FOR_DCLID",
        "USER_ID_NOT_FOUND_FOR_IMPRESSION_ID",
        "EVENT_ID_DECODE_ERROR",
    ),
    "carts and apps": ("INVALID_MERCHANT_ID", "INVALID_MOBILE_ID_FORMAT"),
}


def reason_of_processing(name: str) -> str:
    """A later reason without the prefix of its enum; one member has the shorter prefix."""
    return name.removeprefix("PROCESSING_ERROR_REASON_").removeprefix("PROCESSING_ERROR_")


def _kind(kind: str, rows: dict[Action, Rows]) -> dict[str, Code]:
    named = {a: {f"{kind}.{name}": text for name, text in r.items()} for a, r in rows.items()}
    return _table(_CLICK_SOURCE, named)


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


def action_of(table: dict[str, Code], code: str) -> Action:
    """What a code asks of the sender; one that nobody has a row for is a fault of its row."""
    found = table.get(code)
    return found.action if found else Action.REFUSE_ROW


def gravest(table: dict[str, Code], codes: Sequence[str]) -> str:
    """Of several codes the one that stops most; the first of those that stop equally; empty for none."""
    return min(codes, key=lambda code: _GRAVEST_FIRST.index(action_of(table, code)), default="")


_GRAVEST_FIRST = (
    Action.STOP_CREDENTIAL,
    Action.STOP_DESTINATION,
    Action.RETRY_AT,
    Action.NOT_YET,
    Action.IN_DOUBT,
    Action.REFUSE_ROW,
    Action.UNMATCHED,
    Action.DELIVERED,
)
