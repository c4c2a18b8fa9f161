"""``leadloop attribution``, ``leadloop bench attribution``: credit on anybody's files, and how near the truth it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.console import err, refusals

attribution_app = typer.Typer(help="Credit for touches, by every model.", no_args_is_help=True)
bench_app = typer.Typer(help="Measure against what is known.", no_args_is_help=True)

_MODELS = (
    "first",
    "last",
    "last_non_direct",
    "linear",
    "position",
    "time_decay",
    "markov",
    "shapley",
)


@attribution_app.command("run")
def attribution_run(
    touches: Annotated[Path, typer.Option(help="CSV: touch_id, person_id, channel, touched_at.")],
    conversions: Annotated[
        Path, typer.Option(help="CSV: conversion_id, person_id, converted_at, value.")
    ],
    answer: Annotated[
        Path,
        typer.Option("--out", help="Where the answer is written, as CSV, whole or not at all."),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(help=f"Repeatable; {', '.join(_MODELS)}. Default: all of them."),
    ] = None,
    by: Annotated[
        str, typer.Option(help="touch: a row per conversion and touch; channel: totals.")
    ] = "touch",
    lookback_days: Annotated[
        float | None, typer.Option(min=0, help="Older touches do not count; default: all do.")
    ] = None,
    half_life_days: Annotated[float, typer.Option(min=0.001, help="Of time_decay.")] = 7.0,
    order: Annotated[int, typer.Option(min=1, max=3, help="Of markov.")] = 1,
    direct_name: Annotated[
        str, typer.Option(help="What the file calls the channel that is none, e.g. '(direct)'.")
    ] = "direct",
) -> None:
    """Share conversions over the touches before them, on anybody's CSV files.

    A channel is whatever stands in that column: a channel, a campaign, an ad group. People without a conversion are
    journeys that did not convert; put them in, Markov learns from them. Touches count up to and including the instant
    of the conversion. Times are ISO 8601, taken as UTC without an offset; an empty value is nothing. A conversion
    without a touch goes to the channel "direct". Credits add up to one per conversion, money to its value, to the cent.

    Out: model, conversion_id, touch_id, channel, credit, value; by channel: model, channel, conversions, value.
    """
    chosen = tuple(dict.fromkeys(model or _MODELS))
    if unknown := [name for name in chosen if name not in _MODELS]:
        raise typer.BadParameter(
            f"{unknown[0]!r} is no model; use {', '.join(_MODELS)}", param_hint="--model"
        )
    if by not in ("touch", "channel"):
        raise typer.BadParameter("use touch or channel", param_hint="--by")
    if answer.resolve() in (touches.resolve(), conversions.resolve()):
        raise typer.BadParameter("the answer would replace what is read", param_hint="--out")
    with refusals():
        from orchestration.attribution.credits import Options
        from orchestration.attribution.files import run

        with err.status("Reading") as status:
            rows = run(
                touches,
                conversions,
                answer,
                models=chosen,
                by_channel=by == "channel",
                lookback_days=lookback_days,
                options=Options(half_life_days, order),
                direct=direct_name,
                tell=status.update,
            )
    err.print(f"Wrote {rows:,} rows to {answer}", highlight=False)
