"""What a code in the ledger means, whoever gave it: the platform's own, by its table; ours, by the catalogue.

Belongs here: finding the row. Lives elsewhere: the rows (``orchestration/vendors/*_codes.py``, ``reasons.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestration.deliveries.reasons import find_reason
from orchestration.vendors import google_click_codes, google_codes, meta_codes, tiktok_codes
from orchestration.vendors.codes import Action, Code

_OURS = "Leadloop"
# What the request as a whole was answered, and what came later for its rows, share names at Google.
_AT_ONCE: dict[str, tuple[Mapping[str, Code], ...]] = {
    "google": (google_codes.REQUEST, google_click_codes.CLICK_UPLOAD, google_codes.PROCESSING),
    "meta": (meta_codes.CODES,),
    "tiktok": (tiktok_codes.CODES,),
}
_LATER: dict[str, tuple[Mapping[str, Code], ...]] = {
    **_AT_ONCE,
    "google": (google_codes.PROCESSING, google_codes.REQUEST, google_click_codes.CLICK_UPLOAD),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says.

    Attributes:
        code: As it stands in the ledger.
        sentence: In our words.
        source: Where that was read; ``Leadloop`` for a code of ours.
        asks: What it asks of the sender, for a platform's code.
    """

    code: str
    sentence: str
    source: str
    asks: Action | None = None


def find_meaning(platform: str, code: str, *, is_late: bool = False) -> Meaning | None:
    """What a code means at a platform; None for one that nobody has a row for.

    Args:
        platform: Who answered.
        code: A platform's code, with its subcode as ``code_subcode``, or one of ours.
        is_late: Whether it was told when the request was asked after.
    """
    tables = (_LATER if is_late else _AT_ONCE)[platform]
    for name in (code, code.partition("_")[0] if code[:1].isdigit() else code):
        for table in tables:
            if row := table.get(name):
                return Meaning(code, row.meaning.rstrip("."), row.source, row.action)
    if reason := find_reason(code):
        return Meaning(code, reason.sentence, _OURS)
    return None


def is_throttle(platform: str, code: str) -> bool:
    """Whether a code says that the platform was asked too often."""
    meaning = find_meaning(platform, code)
    return code == "http_429" or (meaning is not None and meaning.asks is Action.RETRY_AT)
