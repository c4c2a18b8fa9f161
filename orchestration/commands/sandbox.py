"""``leadloop sandbox``: the stand-ins by themselves, for our own exporter or a stranger's."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.commands.console import JsonOption, err, print_line, refusals
from orchestration.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Generator

sandbox_app = typer.Typer(help="Stand-ins of the outside systems.", no_args_is_help=True)


@sandbox_app.command("up")
def sandbox_up(
    faults: Annotated[
        list[str] | None,
        typer.Option("--faults", help="A scenario's name, or a file of one; may be repeated."),
    ] = None,
    port_base: Annotated[
        int, typer.Option(min=1024, max=65_532, help="The first of four ports in a row.")
    ] = 8711,
    state: Annotated[
        Path | None, typer.Option(help="Where what was received is kept; LEADLOOP_HOME/sandbox.")
    ] = None,
) -> None:
    """Serve the stand-ins of Google, Meta and TikTok on loopback until Ctrl-C; prints their addresses as JSON."""
    from orchestration.sandbox.scenarios import find_scenario
    from orchestration.sandbox.server import Ports, serve_sandbox

    with refusals(), _asked_wrongly():
        scenarios = dict(find_scenario(name) for name in faults or [])
        folder = state or get_settings().home / "sandbox"
        serve_sandbox(folder, Ports.beginning_at(port_base), scenarios)


@sandbox_app.command("scenarios")
def sandbox_scenarios(
    as_json: JsonOption = False,
) -> None:
    """List the misbehaviours that are shipped, each with its title and where it was told of."""
    from orchestration.sandbox.scenarios import list_scenarios

    with _asked_wrongly():
        scenarios = list_scenarios()
    if as_json:
        shown = {name: scenario.model_dump() for name, scenario in scenarios.items()}
        print_line(json.dumps(shown, ensure_ascii=False))
        return
    for name, scenario in scenarios.items():
        print_line(f"{name}: {scenario.title} [{scenario.evidence}]")
        for source in scenario.sources:
            print_line(f"    {source}")


@sandbox_app.command("assert")
def sandbox_assert(
    scenario: Annotated[
        str | None,
        typer.Argument(help="A scenario's name or file; the ones that the sandbox plays."),
    ] = None,
    url: Annotated[
        str, typer.Option(help="Any of the running sandbox's HTTP addresses.")
    ] = "http://127.0.0.1:8711",
    expected: Annotated[
        Path | None,
        typer.Option(help="A file of the event ids that were owed, one a line: ID or ID,VALUE."),
    ] = None,
    planned: Annotated[
        int | None, typer.Option(min=0, help="How many conversions were owed, without their ids.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold what an exporter did against what is right; exits 1 and names every assertion that fails."""
    from orchestration.sandbox.assertions import (
        Expected,
        judge,
        read_evidence,
        read_expected,
        read_played,
    )
    from orchestration.sandbox.scenarios import ScenarioInvalid, find_scenario

    with _asked_wrongly():
        names = [scenario] if scenario else read_played(url)
        if not names:
            raise ScenarioInvalid("the sandbox plays no scenario; name one")
        scenarios = {name: find_scenario(name)[1] for name in names}
        owed = read_expected(expected) if expected else Expected(planned=planned)
        evidence = read_evidence(url)
        verdicts = [
            (name, verdict)
            for name, played in scenarios.items()
            for verdict in judge(played, evidence, owed)
        ]
    failed = [(name, verdict) for name, verdict in verdicts if not verdict.holds]
    if as_json:
        told = [{"scenario": name, **asdict(verdict)} for name, verdict in verdicts]
        print_line(json.dumps(told, ensure_ascii=False))
    else:
        for name, verdict in failed:
            print_line(f"{name}: {verdict.name}: {verdict.sentence}")
    err.print(f"{len(verdicts) - len(failed)} of {len(verdicts)} assertions hold", highlight=False)
    if failed:
        raise typer.Exit(1)


@contextmanager
def _asked_wrongly() -> Generator[None]:
    """Turn a scenario, file or address that makes no sense into one line and exit code 2."""
    from orchestration.sandbox.scenarios import ScenarioInvalid

    try:
        yield
    except ScenarioInvalid as error:
        err.print(f"[red]leadloop:[/red] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
