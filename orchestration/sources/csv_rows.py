"""What a row of a leads or deals file means: columns by a mapping, times, money → one record.

Pure functions. A row that cannot be understood is refused by reason; nothing in it is guessed, least of all its time
or its value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from orchestration.sources.csv_text import CsvRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

Kind = Literal["lead", "deal"]

PERSON_FIELDS = (
    "name",
    "first_name",
    "last_name",
    "email",
    "phone",
    "city",
    "zip",
    "country",
    "consent",
)
CLICK_FIELDS = (
    "gclid",
    "gbraid",
    "wbraid",
    "fbclid",
    "ttclid",
    "msclkid",
    "twclid",
    "li_fat_id",
    "ctwa_clid",
    "meta_lead_id",
    "tiktok_lead_id",
    "kcid",
    "kpv",
)
CAMPAIGN_FIELDS = (
    "landing_url",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "campaign_id",
    "campaign_name",
    "adgroup_id",
)
FIELDS: dict[Kind, tuple[str, ...]] = {
    "lead": ("lead_id", "created_at", *PERSON_FIELDS, *CAMPAIGN_FIELDS, *CLICK_FIELDS),
    "deal": (
        "deal_id",
        "lead_id",
        "converted_at",
        "conversion_kind",
        "value",
        "currency",
        *PERSON_FIELDS,
        *CLICK_FIELDS,
    ),
}
REQUIRED: dict[Kind, tuple[str, ...]] = {
    "lead": ("lead_id", "created_at"),
    "deal": ("lead_id", "converted_at"),
}
# The field that says on which day a row counts.
TIME_FIELD: dict[Kind, str] = {"lead": "created_at", "deal": "converted_at"}

MAX_ID_LENGTH = 128
MAX_LENGTH = 8_192
MAX_AHEAD = timedelta(hours=24)
OLDEST = datetime(1970, 1, 1, tzinfo=UTC)
MAX_VALUE = Decimal(10) ** 12
_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CURRENCY = re.compile(r"[A-Z]{3}")
# 26.02.2018, 26.02.2018 19:58, 26.02.2018 19:58:54: day first wherever dots stand between.
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T](\d{1,2}:\d{2}(?::\d{2})?))?", re.ASCII)
_EPOCH = re.compile(r"\d{9,10}", re.ASCII)
_EPOCH_MILLISECONDS = re.compile(r"\d{13}", re.ASCII)
_ISO_BASIC = re.compile(r"\d+", re.ASCII)
# 1.250 or 1,250: a thousand and more, or one and a quarter? Nobody can tell.
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}([.,])\d{3}(?:\1\d{3})*", re.ASCII)
_PLAIN_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)


class RowRefused(Exception):
    """The row cannot be taken; the message is a reason code and never a value.

    Attributes:
        record_id: The row's id, where it has a good one.
        happened_at: The row's time, where it has a good one.
    """

    def __init__(
        self, reason: str, record_id: str | None = None, happened_at: datetime | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.record_id = record_id
        self.happened_at = happened_at


@dataclass(frozen=True)
class Columns:
    """Where each field stands in a row, and which columns have no field."""

    kind: Kind
    fields: Mapping[str, int]
    extras: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ReadRow:
    """A row understood: its id, the time on whose day it counts, and the record's payload."""

    record_id: str
    happened_at: datetime
    payload: dict[str, Any]


def find_columns(header: Sequence[str], mapping: Mapping[str, str], kind: Kind) -> Columns:
    """Place a mapping (field → column) on a header.

    A field without a mapping takes the column of its own name, where there is one that no other field took.

    Raises:
        CsvRefused: A field is unknown, a column is missing or stands twice, a needed field has no column.
    """
    unknown = sorted(set(mapping) - set(FIELDS[kind]))
    if unknown:
        raise CsvRefused(
            f"a {kind} has no field {', '.join(unknown)}; its fields are {', '.join(FIELDS[kind])}"
        )
    taken = set(mapping.values())
    by_name = {f: f for f in FIELDS[kind] if f in header and f not in mapping and f not in taken}
    chosen = {**mapping, **by_name}
    missing = sorted({column for column in chosen.values() if column not in header})
    if missing:
        raise CsvRefused(f"the file has no column {', '.join(missing)}")
    doubled = sorted({column for column in chosen.values() if header.count(column) > 1})
    if doubled:
        raise CsvRefused(f"the column {', '.join(doubled)} stands in the file more than once")
    needed = [name for name in REQUIRED[kind] if name not in chosen]
    if needed:
        raise CsvRefused(f"say which column holds {', '.join(needed)}: --map {needed[0]}=COLUMN")
    fields = {name: header.index(column) for name, column in chosen.items()}
    return Columns(kind, fields, _name_extras(header, set(fields.values())))


def read_row(
    cells: Sequence[str],
    columns: Columns,
    *,
    zone: ZoneInfo,
    now: datetime,
    conversion_kind: str,
) -> ReadRow:
    """Understand one row.

    Args:
        cells: As many as the header has.
        columns: From ``find_columns``.
        zone: What times without an offset are read in.
        now: Times later than a day from now are refused.
        conversion_kind: What a deal without a kind of its own is.

    Raises:
        RowRefused: With the reason, and with id and time where these are good.
    """
    given = {name: cells[place].strip() for name, place in columns.fields.items()}
    values: dict[str, Any] = {name: value for name, value in given.items() if value}
    record_id = _read_id(values, columns.kind)
    try:
        happened_at = read_time(values.get(TIME_FIELD[columns.kind], ""), zone, now)
    except RowRefused as refusal:
        raise RowRefused(refusal.reason, record_id) from None
    values[TIME_FIELD[columns.kind]] = happened_at.isoformat()
    try:
        _check_lengths(values)
        if columns.kind == "deal":
            values |= _read_deal(values, conversion_kind)
            values.pop("conversion_kind", None)
    except RowRefused as refusal:
        raise RowRefused(refusal.reason, record_id, happened_at) from None
    extras = {name: cells[place] for name, place in columns.extras if cells[place].strip()}
    return ReadRow(record_id, happened_at, {**values, "extra": extras})


def read_time(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Read a time: ISO 8601, day.month.year, or Unix seconds or milliseconds.

    Raises:
        RowRefused: It is empty, of another form, before 1970 or more than a day ahead.
    """
    if not text:
        raise RowRefused("time_missing")
    try:
        moment = _parse_time(text, zone)
        in_range = OLDEST <= moment <= now + MAX_AHEAD
    except (ValueError, OverflowError):
        raise RowRefused("time_unreadable") from None
    if not in_range:
        raise RowRefused("time_out_of_range")
    return moment


def read_value(text: str) -> Decimal:
    """Read an amount of money, with a point or a comma before the decimals.

    Raises:
        RowRefused: It is no number, can be read in two ways, is negative or too large.
    """
    compact = re.sub(r"[\s\u00a0']", "", text)
    if _AMBIGUOUS.fullmatch(compact):
        raise RowRefused("value_ambiguous")
    mark = max(".,", key=compact.rfind)
    # A mark that stands twice parts thousands, so there are no decimals.
    whole, _, fraction = compact.rpartition(mark) if compact.count(mark) == 1 else (compact, "", "")
    if _GROUPED.fullmatch(whole):
        whole = re.sub(r"[.,]", "", whole)
    number = f"{whole}.{fraction}" if fraction else whole
    if not _PLAIN_NUMBER.fullmatch(number.removeprefix("-")):
        raise RowRefused("value_unreadable")
    value = Decimal(number)
    if not 0 <= value < MAX_VALUE:
        raise RowRefused("value_out_of_range")
    return value


def _name_extras(header: Sequence[str], taken: set[int]) -> tuple[tuple[str, int], ...]:
    names: dict[str, int] = {}
    for place, title in enumerate(header):
        if place not in taken:
            name = title or f"column_{place + 1}"
            names[name if name not in names else f"{name}_{place + 1}"] = place
    return tuple(names.items())


def _read_id(values: Mapping[str, Any], kind: Kind) -> str:
    own = "deal_id" if kind == "deal" and "deal_id" in values else "lead_id"
    for name in {own, "lead_id"}:
        if name not in values:
            raise RowRefused("id_missing")
        if len(values[name]) > MAX_ID_LENGTH or not values[name].isprintable():
            raise RowRefused("id_malformed")
    return values[own]


def _check_lengths(values: Mapping[str, Any]) -> None:
    if any(len(value) > MAX_LENGTH for value in values.values()):
        raise RowRefused("value_too_long")


def _read_deal(values: Mapping[str, Any], conversion_kind: str) -> dict[str, Any]:
    kind = values.get("conversion_kind", conversion_kind).lower()
    if not _KIND.fullmatch(kind):
        raise RowRefused("conversion_kind_malformed")
    read: dict[str, Any] = {"kind": kind}
    if "value" in values:
        read["value"] = format(read_value(values["value"]), "f")
    if "currency" in values:
        read["currency"] = values["currency"].upper()
        if not _CURRENCY.fullmatch(read["currency"]):
            raise RowRefused("currency_malformed")
    return read


def _parse_time(text: str, zone: ZoneInfo) -> datetime:
    if _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    if _EPOCH_MILLISECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    if dotted := _DOTTED.fullmatch(text):
        day, month, year, clock = dotted.groups()
        text = f"{year}-{int(month):02}-{int(day):02}T{(clock or '0:00').zfill(5)}"
    elif _ISO_BASIC.fullmatch(text):
        # 20180226 may be a day or a serial number.
        raise ValueError("digits alone")
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
