"""Attribution on anybody's files: touches and conversions in, credit per touch or totals per channel out.

Touches: ``touch_id, person_id, channel, touched_at``. Conversions: ``conversion_id, person_id, converted_at, value``;
the value may be empty. People without a conversion are journeys that did not convert. Times are ISO 8601; one without
an offset is taken as UTC. Other columns are left alone.

Belongs here: reading, checking and writing CSV. Lives elsewhere: everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestration.attribution.credits import MODELS, Options, share, totals
from orchestration.attribution.journeys import arrange

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestration.attribution.journeys import Integers, Journeys

TOUCH_COLUMNS = ("touch_id", "person_id", "channel", "touched_at")
CONVERSION_COLUMNS = ("conversion_id", "person_id", "converted_at", "value")
_MICROSECONDS_A_DAY = 86_400_000_000
_MOST_NAMED = 5


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


def read_study(touches: Path, conversions: Path, lookback_days: float | None = None) -> Study:
    """Read both files.

    Args:
        touches: A CSV file with ``TOUCH_COLUMNS``.
        conversions: A CSV file with ``CONVERSION_COLUMNS``.
        lookback_days: Touches older than this before a conversion do not count; None: all do.

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
    )
    return Study(
        journeys, touched["touch_id"].to_numpy(), converted["conversion_id"].to_numpy(), cents
    )


def credit_table(study: Study, models: Iterable[str], options: Options) -> Table:
    """One row per conversion and touch: ``model, conversion_id, touch_id, channel, credit, value``.

    The direct touch of a conversion without any has an empty ``touch_id``.
    """
    pd = _pandas()
    ids = np.append(study.touch_ids, "")
    names = np.array(study.journeys.channels, dtype=object)
    tables: list[Table] = []
    for model in models:
        shared = share(study.journeys, model, study.cents, options)
        tables.append(
            pd.DataFrame(
                {
                    "model": model,
                    "conversion_id": study.conversion_ids[shared.conversion],
                    "touch_id": ids[shared.touch],
                    "channel": names[shared.channel],
                    "credit": shared.credit,
                    "value": shared.cents / 100,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def channel_table(study: Study, models: Iterable[str], options: Options) -> Table:
    """One row per channel: ``model, channel, conversions, value``; channels that earned nothing included."""
    pd = _pandas()
    names = study.journeys.channels
    seen = np.bincount(study.journeys.channel, minlength=len(names)) > 0
    tables: list[Table] = []
    for model in models:
        conversions, cents = totals(study.journeys, model, study.cents, options)
        table = pd.DataFrame(
            {
                "model": model,
                "channel": names,
                "conversions": conversions,
                "value": (cents / 100).round(2),
            }
        )
        tables.append(table[seen].sort_values(["conversions", "channel"], ascending=[False, True]))
    return pd.concat(tables, ignore_index=True)


def run(
    touches: Path,
    conversions: Path,
    out: Path,
    *,
    models: Iterable[str] = tuple(MODELS),
    by_channel: bool = False,
    lookback_days: float | None = None,
    options: Options | None = None,
) -> int:
    """Read two files, share the credit, write one.

    Returns:
        The number of rows written.

    Raises:
        FileRefused: A file, a column or a value is not as it must be.
    """
    study = read_study(touches, conversions, lookback_days)
    make = channel_table if by_channel else credit_table
    table = make(study, models, options or Options())
    table.to_csv(out, index=False)
    return len(table)


def _pandas() -> Any:
    """Pandas, imported when it is needed: it takes half a second."""
    import pandas

    return pandas


def _read(path: Path, columns: tuple[str, ...]) -> Table:
    pd = _pandas()
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileRefused(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise FileRefused(
            f"{path}: not readable as CSV in UTF-8 ({type(error).__name__})"
        ) from None
    if missing := [name for name in columns if name not in table.columns]:
        raise FileRefused(f"{path}: lacks {', '.join(missing)}; it needs {', '.join(columns)}")
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
    numbers = pd.to_numeric(texts.where(texts.str.strip() != "", "0"), errors="coerce").to_numpy()
    wrong = ~np.isfinite(numbers) | (numbers < 0) | (numbers >= 1e12)
    _refuse_lines(path, wrong, "value is no amount of money")
    return np.rint(numbers * 100).astype(np.int64)


def _refuse_lines(path: Path, wrong: Any, what: str) -> None:
    places = np.flatnonzero(wrong)
    if len(places):
        # The first line is the header.
        named = ", ".join(str(place + 2) for place in places[:_MOST_NAMED])
        more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
        raise FileRefused(f"{path}: {what} in line {named}{more}")
