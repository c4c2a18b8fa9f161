"""Attribution on anybody's files: touches and conversions in, credit per touch or totals per channel out.

Touches: ``touch_id, person_id, channel, touched_at``. Conversions: ``conversion_id, person_id, converted_at, value``;
the value may be empty, which is nothing. People without a conversion are journeys that did not convert. Times are ISO
8601; one without an offset is taken as UTC. Fields are separated by comma, semicolon or tab, as the header says; where
it is not the comma, a value may have a decimal comma. Other columns are left alone.

Belongs here: reading, checking and writing CSV. Lives elsewhere: everything else.
"""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestration.attribution.credits import MODELS, Options, share, share_money, totals
from orchestration.attribution.journeys import DIRECT, arrange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from orchestration.attribution.journeys import Integers, Journeys

TOUCH_COLUMNS = ("touch_id", "person_id", "channel", "touched_at")
CONVERSION_COLUMNS = ("conversion_id", "person_id", "converted_at", "value")
_MICROSECONDS_A_DAY = 86_400_000_000
_MOST_NAMED = 5
_SEPARATORS = ",;\t"
# A double still tells the hundredths apart, with room for sharing them.
_MOST_VALUE = 1e10


# A data frame or one of its columns: what pandas gives back has more types than a reader can use.
Table = Any


class FileRefused(Exception):
    """A file cannot be read as it is; the message names the file, the lines and what is wrong, never a value."""

    is_refusal = True


@dataclass(frozen=True)
class Study:
    """What two files hold, arranged.

    Attributes:
        journeys: Of all people.
        touch_ids: As given.
        conversion_ids: As given.
        cents: For each conversion its value in hundredths.
    """

    journeys: Journeys
    touch_ids: Any
    conversion_ids: Any
    cents: Integers


def read_study(
    touches: Path, conversions: Path, lookback_days: float | None = None, direct: str = DIRECT
) -> Study:
    """Read both files.

    Args:
        touches: A CSV file with ``TOUCH_COLUMNS``.
        conversions: A CSV file with ``CONVERSION_COLUMNS``.
        lookback_days: Touches older than this before a conversion do not count; None: all do.
        direct: What the file calls the channel that is none.

    Raises:
        FileRefused: A file, a column or a value is not as it must be.
    """
    pd = _pandas()
    touched = _read(touches, TOUCH_COLUMNS)
    converted = _read(conversions, CONVERSION_COLUMNS)
    _require_unique(touches, touched, "touch_id")
    _require_unique(conversions, converted, "conversion_id")
    touched_at = _moments(touches, touched["touched_at"])
    converted_at = _moments(conversions, converted["converted_at"])
    cents = _cents(conversions, converted["value"])
    person, _ = pd.factorize(
        pd.concat([touched["person_id"], converted["person_id"]], ignore_index=True)
    )
    channel, channels = pd.factorize(touched["channel"])
    journeys = arrange(
        person[: len(touched)].astype(np.int64),
        touched_at,
        channel.astype(np.int64),
        tuple(channels),
        conversion_person=person[len(touched) :].astype(np.int64),
        converted_at=converted_at,
        lookback=None if lookback_days is None else round(lookback_days * _MICROSECONDS_A_DAY),
        direct=direct,
    )
    return Study(
        journeys, touched["touch_id"].to_numpy(), converted["conversion_id"].to_numpy(), cents
    )


def credit_table(study: Study, model: str, options: Options) -> Table:
    """One row per conversion and touch: ``model, conversion_id, touch_id, channel, credit, value``.

    The direct touch of a conversion without any has an empty ``touch_id``.
    """
    pd = _pandas()
    shared = share(study.journeys, model, study.cents, options)
    return pd.DataFrame(
        {
            "model": model,
            "conversion_id": study.conversion_ids[shared.conversion],
            "touch_id": np.append(study.touch_ids, "")[shared.touch],
            "channel": np.array(study.journeys.channels, dtype=object)[shared.channel],
            "credit": shared.credit,
            "value": _money(shared.cents),
        }
    )


def channel_table(study: Study, model: str, options: Options) -> Table:
    """One row per channel: ``model, channel, conversions, value``, greatest first; those without credit included."""
    pd = _pandas()
    names = study.journeys.channels
    conversions, cents = totals(study.journeys, model, study.cents, options)
    table = pd.DataFrame(
        {
            "model": model,
            "channel": names,
            "conversions": conversions.round(9),
            "value": _money(_whole(cents)),
        }
    )
    has_touches = np.bincount(study.journeys.channel, minlength=len(names)) > 0
    return table[has_touches].sort_values(["conversions", "channel"], ascending=[False, True])


def _whole(cents: Any) -> Integers:
    """Totals in whole hundredths that add up to what the parts add up to."""
    total = np.rint(cents.sum())
    if not total:
        return np.zeros(len(cents), dtype=np.int64)
    return share_money(
        cents / cents.sum(), np.array([total], dtype=np.int64), np.array([0, len(cents)])
    )


def run(
    touches: Path,
    conversions: Path,
    out: Path,
    *,
    models: Iterable[str] = tuple(MODELS),
    by_channel: bool = False,
    lookback_days: float | None = None,
    options: Options | None = None,
    direct: str = DIRECT,
    tell: Callable[[str], object] = lambda _: None,
) -> int:
    """Read two files, share the credit, write one.

    Args:
        touches: A CSV file with ``TOUCH_COLUMNS``.
        conversions: A CSV file with ``CONVERSION_COLUMNS``.
        out: Written whole or not at all.
        models: Names of ``MODELS``.
        by_channel: Totals per channel instead of credit per touch.
        lookback_days: Touches older than this before a conversion do not count; None: all do.
        options: What models are told.
        direct: What the file calls the channel that is none.
        tell: Hears what is being done.

    Returns:
        The number of rows written.

    Raises:
        FileRefused: A file, a column or a value is not as it must be, or the answer cannot be written.
    """
    tell("Reading")
    study = read_study(touches, conversions, lookback_days, direct)
    make = channel_table if by_channel else credit_table
    part = out.with_name(out.name + ".part")
    written = 0
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            for model in models:
                tell(f"Sharing by {model}")
                table = make(study, model, options or Options())
                table.to_csv(file, index=False, header=written == 0)
                written += len(table)
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FileRefused(f"{out}: cannot be written ({type(error).__name__})") from None
    return written


def _pandas() -> Any:
    """Pandas, imported when it is needed: it takes half a second."""
    import pandas

    return pandas


def _read(path: Path, columns: tuple[str, ...]) -> Table:
    pd = _pandas()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file, warnings.catch_warnings():
            separator = _separator(file.readline())
            file.seek(0)
            # Pandas only warns of lines that are longer than the header, and cuts them off.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                file, dtype=str, keep_default_na=False, index_col=False, sep=separator
            )
    except FileNotFoundError:
        raise FileRefused(f"{path}: there is no such file") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning):
        raise FileRefused(
            f"{path}: {_uneven_line(path)} has more fields than the header; a name that holds the separator "
            "goes in quotes"
        ) from None
    except (OSError, UnicodeDecodeError, pd.errors.EmptyDataError) as error:
        raise FileRefused(
            f"{path}: not readable as CSV in UTF-8 ({type(error).__name__})"
        ) from None
    if missing := [name for name in columns if name not in table.columns]:
        raise FileRefused(f"{path}: lacks {', '.join(missing)}; it needs {', '.join(columns)}")
    table = table[list(columns)]
    for name in columns:
        if name != "value":
            _refuse_lines(path, (table[name].str.strip() == "").to_numpy(), f"{name} is empty")
    return table


def _require_unique(path: Path, table: Table, name: str) -> None:
    _refuse_lines(path, table[name].duplicated().to_numpy(), f"{name} was there before")


def _moments(path: Path, texts: Table) -> Integers:
    pd = _pandas()
    moments = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
    _refuse_lines(path, moments.isna().to_numpy(), f"{texts.name} is no ISO 8601 time")
    return moments.dt.as_unit("us").astype("int64").to_numpy()


def _cents(path: Path, texts: Table) -> Integers:
    pd = _pandas()
    # A comma is only there where the fields are separated by something else, or quoted.
    texts = texts.str.strip().str.replace(",", ".", regex=False)
    numbers = pd.to_numeric(texts.where(texts != "", "0"), errors="coerce").to_numpy(float)
    wrong = ~np.isfinite(numbers) | (numbers < 0) | (numbers >= _MOST_VALUE)
    _refuse_lines(path, wrong, "value is no amount of money")
    return np.rint(numbers * 100).astype(np.int64)


def _money(cents: Any) -> Any:
    """Hundredths as text with two decimals."""
    return (
        _pandas().Series(cents // 100).astype(str)
        + "."
        + _pandas().Series(cents % 100).astype(str).str.zfill(2)
    )


def _separator(header: str) -> str:
    """The separator that the header has most of; a comma where it has none."""
    return max(_SEPARATORS, key=header.count)


def _uneven_line(path: Path) -> str:
    """The first line with more fields than the header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        separator = _separator(file.readline())
        file.seek(0)
        lines = csv.reader(file, delimiter=separator)
        width = len(next(lines))
        for fields in lines:
            if len(fields) > width:
                return f"line {lines.line_num}"
    return "a line"


def _refuse_lines(path: Path, wrong: Any, what: str) -> None:
    places = np.flatnonzero(wrong)
    if len(places):
        # The first line is the header.
        named = ", ".join(str(place + 2) for place in places[:_MOST_NAMED])
        more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
        raise FileRefused(f"{path}: {what} in line {named}{more}")
