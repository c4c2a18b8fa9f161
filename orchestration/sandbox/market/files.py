"""What an advertiser would see, as the files that ``leadloop attribution run`` reads, and the truth beside them.

Belongs here: writing. Lives elsewhere: what is written (``simulation``).
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from orchestration.sandbox.market.simulation import Market

TOUCHES, CONVERSIONS, TRUTH = "touches.csv", "conversions.csv", "truth.csv"
_BEGAN = datetime(2026, 1, 5, tzinfo=UTC)


def write_market(market: Market, folder: Path) -> None:
    """Write ``touches.csv``, ``conversions.csv`` and ``truth.csv``.

    The truth: ``channel, caused, share`` per campaign; direct is what happens without any, and has no share.

    Args:
        market: What happened.
        folder: Made where it is not there; files in it are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    touches = sorted(zip(market.touched_at, market.person, market.channel, strict=True))
    _write(
        folder / TOUCHES,
        ("touch_id", "person_id", "channel", "touched_at"),
        (
            (f"t{number}", f"p{person}", market.channels[channel], _moment(at))
            for number, (at, person, channel) in enumerate(touches, 1)
        ),
    )
    bought = sorted(zip(market.converted_at, market.buyer, market.cents, strict=True))
    _write(
        folder / CONVERSIONS,
        ("conversion_id", "person_id", "converted_at", "value"),
        (
            (f"c{number}", f"p{person}", _moment(at), f"{cents // 100}.{cents % 100:02}")
            for number, (at, person, cents) in enumerate(bought, 1)
        ),
    )
    total = int(market.caused.sum())
    truth = [
        (name, int(caused), f"{caused / total:.6f}" if total else "0")
        for name, caused in zip(market.channels[:-1], market.caused, strict=True)
    ]
    _write(
        folder / TRUTH,
        ("channel", "caused", "share"),
        [*truth, (market.channels[-1], market.organic, "")],
    )


def _moment(microseconds: int) -> str:
    return (_BEGAN + timedelta(microseconds=int(microseconds))).isoformat()


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
