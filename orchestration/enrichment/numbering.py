"""Telephone numbers by phonenumbers, without paying for what a usual number does not need.

``phonenumbers.parse`` prepares for vanity letters, extensions and carrier codes, and ``is_valid_number`` asks for a
dozen types. Here a number of plain digits and separators is read by the same metadata in the same order, as far as the
outcome is certain; whatever is not certain goes to phonenumbers itself. A property test holds the two against each
other.

Belongs here: text to E.164, validity. Lives elsewhere: what is refused and why (``rules.phones``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumber

Match = Callable[[str], re.Match[str] | None]

# None of these characters begins an extension, a second number or a vanity number.
_PLAIN = re.compile(r"\(?(\+?)([0-9][0-9 ().-]{4,40})")
_SEPARATORS = str.maketrans("", "", " ().-")
_CODES = {str(code): regions[0] for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}
_LONGEST_CODE = 3
_SHORTEST, _LONGEST = 2, 17
# Shorter ones are rare, and phonenumbers has rules of its own for those of two and three.
_FEWEST_DIGITS = 6
_NOWHERE = "001"


@dataclass(frozen=True, slots=True)
class _Plan:
    """A region's numbering plan: compiled patterns, and the lengths that a number may have.

    ``prefix`` is the national one and ``has_plain_prefix`` says that nothing but dropping is done with it; ``abroad``
    is the international one. ``leading`` tells a main region from those that share its code; ``usual`` are the
    patterns and lengths of mobile and fixed lines.
    """

    code: str
    is_general: Match
    lengths: frozenset[int]
    local_lengths: frozenset[int]
    prefix: Match | None
    has_plain_prefix: bool
    abroad: Match | None
    leading: Match | None
    usual: tuple[tuple[frozenset[int], Match], ...]


def to_e164(text: str, region: str | None) -> str:
    """Read a number as it is dialled in a region.

    Args:
        text: The number, however it is written.
        region: An upper-case region that phonenumbers supports, or None.

    Returns:
        ``+``, country code, national number. It need not be a valid one.

    Raises:
        phonenumbers.NumberParseException: It is no number, or a national one and there is no region.
    """
    plain = _PLAIN.fullmatch(text)
    if plain:
        digits = plain[2].translate(_SEPARATORS)
        if len(digits) >= _FEWEST_DIGITS:
            found = _read_abroad(digits) if plain[1] else _read_in(region, digits)
            if found:
                return found
    number = phonenumbers.parse(text, region)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_valid(number: str) -> bool:
    """Whether some numbering plan has a number, given in E.164."""
    return is_in_plan(*split(number))


def is_in_plan(code: str, national: str) -> bool:
    """Whether a country's numbering plan has a national number."""
    plan = _plan_of_code(code)
    if plan is not None and _is_usual(plan, national):
        return True
    return phonenumbers.is_valid_number(
        PhoneNumber(
            country_code=int(code),
            national_number=int(national),
            italian_leading_zero=national[0] == "0" and len(national) > 1,
            # As phonenumbers counts them: the last digit is never one of the leading zeros.
            number_of_leading_zeros=len(national) - len(national[:-1].lstrip("0") + national[-1]),
        )
    )


def split(number: str) -> tuple[str, str]:
    """Part a number in E.164 into its country code and its national number, leading zeros included."""
    for end in range(2, _LONGEST_CODE + 2):
        if number[1:end] in _CODES:
            return number[1:end], number[end:]
    raise ValueError("not a number in E.164")


def _is_usual(plan: _Plan, national: str) -> bool:
    size = len(national)
    if size not in plan.lengths or not plan.is_general(national):
        return False
    if plan.leading is not None and not plan.leading(national):
        return False
    return any(size in lengths and is_match(national) for lengths, is_match in plan.usual)


def _read_abroad(digits: str) -> str | None:
    """Read what stands behind a plus sign: a country code, then a number with nothing to drop."""
    for end in range(1, _LONGEST_CODE + 1):
        if digits[:end] in _CODES:
            plan = _plan_of_code(digits[:end])
            if plan is None:
                return None
            national = digits[end:]
            is_certain = not (plan.prefix and plan.prefix(national)) and _is_sized(national)
            return f"+{digits}" if is_certain else None
    return None


def _read_in(region: str | None, digits: str) -> str | None:
    """Read what is dialled in a region: its own country code, its national prefix, or neither."""
    plan = None if region is None else _plan_of(region)
    if plan is None or (plan.abroad and plan.abroad(digits)):
        return None
    if digits.startswith(plan.code):
        rest = digits[len(plan.code) :]
        if plan.prefix and plan.prefix(rest):
            return None
        if len(digits) > max(plan.lengths) or (
            plan.is_general(rest) and not plan.is_general(digits)
        ):
            return _read_abroad(digits) if len(digits) not in plan.local_lengths else None
    national = digits
    if plan.prefix and (prefix := plan.prefix(digits)):
        national = digits[prefix.end() :]
        size = len(national)
        is_certain = (
            plan.has_plain_prefix
            and size in plan.lengths
            and size not in plan.local_lengths
            and plan.is_general(national)
        )
        if not is_certain:
            return None
    return f"+{plan.code}{national}" if _is_sized(national) else None


def _is_sized(national: str) -> bool:
    return _SHORTEST <= len(national) <= _LONGEST and national[0] != "0"


@functools.cache
def _plan_of_code(code: str) -> _Plan | None:
    region = _CODES[code]
    return None if region == _NOWHERE else _plan_of(region)


@functools.cache
def _plan_of(region: str) -> _Plan | None:
    metadata = PhoneMetadata.metadata_for_region(region, None)
    general = metadata and metadata.general_desc
    if metadata is None or general is None or not general.national_number_pattern:
        return None
    types = [metadata.fixed_line]
    if not metadata.same_mobile_and_fixed_line_pattern:
        types.insert(0, metadata.mobile)
    prefix = metadata.national_prefix_for_parsing
    return _Plan(
        code=str(metadata.country_code),
        is_general=re.compile(general.national_number_pattern).fullmatch,
        lengths=frozenset(general.possible_length),
        local_lengths=frozenset(general.possible_length_local_only),
        prefix=re.compile(prefix).match if prefix else None,
        has_plain_prefix=bool(prefix)
        and not metadata.national_prefix_transform_rule
        and not re.compile(prefix).groups,
        abroad=re.compile(metadata.international_prefix).match
        if metadata.international_prefix
        else None,
        leading=re.compile(metadata.leading_digits).match if metadata.leading_digits else None,
        usual=tuple(
            (
                frozenset(each.possible_length or general.possible_length),
                re.compile(each.national_number_pattern).fullmatch,
            )
            for each in types
            if each is not None and each.national_number_pattern
        ),
    )
