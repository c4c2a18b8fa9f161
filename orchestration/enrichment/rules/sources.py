"""Sources of the rules: key to place. A rule names its sources by these keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SOURCES: Final[Mapping[str, str]] = {
    "CLDR": "Unicode CLDR 47, names of territories",
    "E164": "ITU-T E.164 and E.123: 00 is the recommended prefix for calls abroad",
    "Gfmt": "https://developers.google.com/data-manager/api/devguides/concepts/formatting",
    "ISO3166": "ISO 3166-1; UK is reserved there for the United Kingdom",
    "Ldm": "google-ads-datamanager 0.9.4, comments of google/ads/datamanager_v1/types",
    "Lphone": "phonenumbers 9, Google's libphonenumber for Python, and its metadata of numbering plans",
    "Lsv": "facebook-business 26.0.3, facebook_business/adobjects/serverside/normalize.py",
    "Mcip": "https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters",
    "OURS": "ours: no platform documents it",
    "Rseg": "segmentio/action-destinations, tiktok-conversions: a third party's practice; TikTok documents none",
    "Rutil": "googleads/data-manager-python, google/ads/datamanager_util/format.py",
    "Ttrack": "https://business-api.tiktok.com/portal/docs?id=1771101303285761",
    "UAX15": "Unicode Standard Annex 15, normalization form NFKC",
    "UCD": "Unicode Character Database, Default_Ignorable_Code_Point",
    "Zoho": "help.zoho.com, marketing-automation-2-0 FAQ: WhatsApp ids in Brazil and Mexico; a third party",
}
