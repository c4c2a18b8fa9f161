"""``leadloop attribution``, ``leadloop bench attribution``: credit on anybody's files, and how near the truth it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from orchestration.commands.console import JsonOption, err, out, print_line, refusals

if TYPE_CHECKING:
    from orchestration.sandbox.market.scores import Band

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


@attribution_app.command("simulate")
def attribution_simulate(
    folder: Annotated[
        Path, typer.Option("--out", help="Folder for touches.csv, conversions.csv and truth.csv.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            help="Kind of advertiser: search_harvest, brand_retargeting, "
            "whatsapp_first, untargeted."
        ),
    ] = "search_harvest",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 1,
    people: Annotated[
        int, typer.Option(min=1, max=2_000_000, help="How many people live.")
    ] = 20_000,
) -> None:
    """Make an advertiser whose campaigns have a known effect: files for `attribution run`, and the truth beside."""
    with refusals():
        from orchestration.sandbox.market.advertisers import ADVERTISERS
        from orchestration.sandbox.market.files import write_market
        from orchestration.sandbox.market.simulation import simulate

        if kind not in ADVERTISERS:
            raise typer.BadParameter(f"use one of {', '.join(ADVERTISERS)}", param_hint="--kind")
        market = simulate(ADVERTISERS[kind], seed, people)
        write_market(market, folder)
    err.print(
        f"Wrote {len(market.person):,} touches and {len(market.buyer):,} conversions to {folder}; "
        f"{market.organic:,} conversions happen without any campaign",
        highlight=False,
    )


@bench_app.command("attribution")
def bench_attribution(
    seeds: Annotated[int, typer.Option(min=1, max=1_000, help="How many, from 1 on.")] = 20,
    people: Annotated[
        int, typer.Option(min=100, help="How many people live in each market.")
    ] = 20_000,
    as_json: JsonOption = False,
) -> None:
    """Hold every model's credit against what simulated campaigns caused, by kind of advertiser.

    distance: the share of the campaigns' credit that lies with the wrong campaign. misranked: the share of pairs of
    campaigns in the wrong order. claimed: conversions credited to campaigns for each one that advertising caused. Each
    as the median over seeds, with the tenth and the ninetieth percentile. "even" gives every campaign the same.
    """
    from orchestration.sandbox.market.advertisers import ADVERTISERS
    from orchestration.sandbox.market.scores import bands, score_seeds

    with err.status("Simulating") as status:
        scores = score_seeds(range(1, seeds + 1), people=people, tell=status.update)
    found = bands(scores)
    if as_json:
        told = {"seeds": seeds, "people": people, "scores": scores, "bands": _named(found)}
        print_line(json.dumps(told, ensure_ascii=False))
        return
    for kind, models in found.items():
        table = Table("model", "distance", "misranked", "claimed", title=ADVERTISERS[kind].title)
        for model, parts in models.items():
            table.add_row(
                model,
                *(f"{part.median:.2f} ({part.low:.2f}–{part.high:.2f})" for part in parts.values()),
            )
        out.print(table)


def _named(found: Mapping[str, Mapping[str, Mapping[str, Band]]]) -> dict[str, object]:
    """Bands as objects with names instead of lists."""
    return {
        kind: {
            model: {name: part._asdict() for name, part in parts.items()}
            for model, parts in models.items()
        }
        for kind, models in found.items()
    }
