"""``leadloop landing parse`` and ``leadloop normalize``: JSON lines in, JSON lines out, and what is behind them."""

from __future__ import annotations

import json
import shlex
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from orchestration.commands.console import (
    JsonOption,
    TenantOption,
    err,
    out,
    print_line,
    refusals,
    tenants_of,
)
from orchestration.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestration.enrichment.changes import Changes
    from orchestration.enrichment.identifiers import Platform
    from orchestration.enrichment.rules.rule import RuleSet

app = typer.Typer()
landing_app = typer.Typer(help="Landing URLs and message texts.", no_args_is_help=True)
normalize_app = typer.Typer(invoke_without_command=True)
app.add_typer(normalize_app, name="normalize")

_VECTORS = Path(__file__).parents[2] / "tests" / "data" / "conformance" / "vectors.jsonl"

PlatformOption = Annotated[str | None, typer.Option(help="google, meta or tiktok.")]


@landing_app.command("parse")
def landing_parse() -> None:
    """Read JSON lines with a url or a text, write JSON lines with its parameters."""
    from orchestration.enrichment.jsonlines import parse_lines

    filter_lines(parse_lines(input_lines()))


@normalize_app.callback()
def normalize(
    context: typer.Context,
    platform: PlatformOption = None,
    version: Annotated[int | None, typer.Option(help="Of the rules; default: current.")] = None,
) -> None:
    """Read JSON lines of identifiers, write them normalized and hashed by one platform's rules.

    In: {"kind": "email", "value": …, "region": "TR"}; kinds: email, phone, first_name, last_name, city, zip, country.
    Out: normalized, sha256 and rules_version, or the reason why there is none.
    """
    if context.invoked_subcommand is not None:
        return
    from orchestration.enrichment.identifiers import PLATFORMS
    from orchestration.enrichment.jsonlines import normalize_lines
    from orchestration.enrichment.rules.sets import find_rule_set

    chosen: Platform | None = next((each for each in PLATFORMS if each == platform), None)
    if chosen is None:
        raise typer.BadParameter("use google, meta or tiktok", param_hint="--platform")
    with refusals():
        if version is not None:
            find_rule_set(chosen, version)
        filter_lines(normalize_lines(input_lines(), chosen, version))


@normalize_app.command("rules")
def normalize_rules(
    platform: PlatformOption = None,
    version: Annotated[int | None, typer.Option(help="Default: the current one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the rules of each platform, with what they do and where that is from."""
    with refusals():
        chosen = _choose_sets(platform, version)
    if as_json:
        print_line(json.dumps([rule_set.as_json() for rule_set in chosen], ensure_ascii=False))
        return
    from rich.table import Table

    from orchestration.enrichment.rules.sources import SOURCES

    named: set[str] = set()
    for rule_set in chosen:
        table = Table(title=f"{rule_set.name}  {rule_set.why}", title_justify="left")
        for column in ("rule", "kinds", "what it does", "sources"):
            table.add_column(column)
        for rule in rule_set.rules().values():
            kinds = "all" if rule_set.is_for_all(rule) else " ".join(rule_set.kinds_of(rule))
            table.add_row(rule.code, kinds, rule.sentence, " ".join(rule.sources))
            named.update(rule.sources)
        out.print(table)
    for key in sorted(named):
        out.print(f"{key}: {SOURCES[key]}", highlight=False, markup=False, soft_wrap=True)


def _choose_sets(platform: str | None, version: int | None) -> list[RuleSet]:
    from orchestration.enrichment.rules.sets import RULE_SETS, find_rule_set

    if platform is not None and platform not in RULE_SETS:
        raise typer.BadParameter("use google, meta or tiktok", param_hint="--platform")
    return [
        sets[-1] if version is None else find_rule_set(name, version)
        for name, sets in RULE_SETS.items()
        if platform in (None, name)
    ]


@normalize_app.command("diff")
def normalize_diff(
    source: Annotated[str, typer.Option("--from", help="google:1, or 1 with --platform.")],
    target: Annotated[str, typer.Option("--to", help="google:2, or 2 with --platform.")],
    platform: PlatformOption = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count which stored hashes a change of rules would alter; numbers only, nothing is written."""
    from orchestration.enrichment.changes import Changes, count_changes
    from orchestration.warehouse import Warehouse

    with refusals():
        changes = Changes(
            _rule_set(source, platform, "--from"), _rule_set(target, platform, "--to")
        )
        if changes.source.platform != changes.target.platform:
            raise typer.BadParameter("two versions of one platform are compared", param_hint="--to")
        with Warehouse(get_settings(), "worker") as warehouse:
            for tenant_id in tenants_of(warehouse, tenant):
                with warehouse.tenant(tenant_id) as connection:
                    count_changes(connection, tenant_id, changes)
    if as_json:
        print_line(json.dumps(changes.as_json()))
    else:
        _print_changes(changes)


def _rule_set(named: str, platform: str | None, option: str) -> RuleSet:
    """Read ``google:1``, or ``1`` beside a platform."""
    from orchestration.enrichment.rules.sets import find_rule_set

    owner, _, version = named.rpartition(":")
    if (
        not version.isdecimal()
        or not (owner or platform)
        or (owner and platform not in (None, owner))
    ):
        raise typer.BadParameter("use google:1, or --platform google and 1", param_hint=option)
    return find_rule_set(owner or platform or "", int(version))


def _print_changes(changes: Changes) -> None:
    from rich.table import Table

    from orchestration.enrichment.changes import EFFECTS

    told = changes.as_json()
    table = Table("kind", "values", *(effect.replace("_", " ") for effect in EFFECTS))
    for kind, counts in told["by_kind"].items():
        table.add_row(kind, *(f"{counts[name]:,}" for name in ("values", *EFFECTS)))
    table.add_row("all", *(f"{told[name]:,}" for name in ("values", *EFFECTS)), end_section=True)
    out.print(f"{told['from']} → {told['to']}", highlight=False)
    out.print(table)
    rules = {**changes.source.rules(), **changes.target.rules()}
    for code, count in told["by_rule"].items():
        out.print(f"{code}  {count:,}  {rules[code].sentence}", highlight=False, markup=False)
    if changes.drifted:
        out.print(
            f"{changes.drifted:,} values are kept otherwise than {told['from']} makes them today:"
            " numbering plans or Unicode changed since.",
            highlight=False,
        )


@normalize_app.command("conform")
def normalize_conform(
    file: Annotated[Path, typer.Argument(help="Vectors as JSON lines.", dir_okay=False)] = _VECTORS,
    command: Annotated[
        str | None, typer.Option(help="Another implementation, as 'node mine.js'; default: ours.")
    ] = None,
    reasons: Annotated[
        bool, typer.Option("--reasons/--any-reason", help="Whether refusals need our reason.")
    ] = True,
) -> None:
    """Hold an implementation of the rules against a file of vectors; names the ids that differ."""
    from orchestration.enrichment import conformance

    if not file.exists():
        raise typer.BadParameter(
            f"there is no {file.name}; name a file of vectors", param_hint="FILE"
        )
    with refusals():
        vectors = conformance.read_vectors(file.read_text(encoding="utf-8").splitlines())
        words = shlex.split(command or "")
        answers = (
            conformance.ask_command(words, vectors) if words else conformance.ask_ours(vectors)
        )
        verdict = conformance.judge(vectors, answers, with_reasons=reasons)
    for identity, difference in verdict.differences:
        print_line(f"{identity} {difference}")
    err.print(
        f"{verdict.agreed} agree, {len(verdict.differences)} differ, {verdict.skipped} skipped",
        highlight=False,
    )
    if verdict.differences:
        raise typer.Exit(1)


def input_lines() -> TextIO:
    """Standard input as UTF-8, whatever the locale; bytes that are none stay recognizable as such."""
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    return sys.stdin


def filter_lines(lines: Iterable[str]) -> None:
    """Print lines as they come; exit 1 when one of them reports an error."""
    failed = False
    for line in lines:
        print_line(line)
        failed = failed or line.startswith('{"error"')
    if failed:
        raise typer.Exit(1)
