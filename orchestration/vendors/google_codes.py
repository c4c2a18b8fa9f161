"""What the Data Manager API's reasons mean to a sender.

Two tables: ``REQUEST`` (reasons for which it refuses a request) and ``PROCESSING`` (reasons that it counts later, after
it took the request). ``docs/destinations/google.md`` shows the same rows, and those of the classic upload
(``google_click_codes.py``).

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

Rows = dict[str, str]


def table_of(source: str, rows: dict[Action, Rows]) -> dict[str, Code]:
    """A table from the meanings of codes, by what they ask of the sender."""
    return {
        code: Code(code, action, meaning, source)
        for action, meanings in rows.items()
        for code, meaning in meanings.items()
    }


REQUEST: dict[str, Code] = table_of(
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

PROCESSING: dict[str, Code] = table_of(
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
