"""``leadloop landing parse`` and ``leadloop normalize``: JSON lines in, JSON lines out."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from orchestration.commands.console import print_line

if TYPE_CHECKING:
    from collections.abc import Iterable

app = typer.Typer()
landing_app = typer.Typer(help="Landing URLs and message texts.", no_args_is_help=True)


@landing_app.command("parse")
def landing_parse() -> None:
    """Read JSON lines with a url or a text, write JSON lines with its parameters."""
    from orchestration.enrichment.jsonlines import parse_lines

    filter_lines(parse_lines(input_lines()))


@app.command()
def normalize(
    platform: Annotated[str, typer.Option(help="google, meta or tiktok.")],
) -> None:
    """Read JSON lines of identifiers, write them normalized and hashed by one platform's rules.

    In: {"kind": "email", "value": …, "region": "TR"}; kinds: email, phone, first_name, last_name, city, zip, country.
    Out: normalized, sha256 and rules_version, or the reason why there is none.
    """
    from orchestration.enrichment.jsonlines import normalize_lines

    if platform not in ("google", "meta", "tiktok"):
        raise typer.BadParameter("use google, meta or tiktok", param_hint="--platform")
    filter_lines(normalize_lines(input_lines(), platform))


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
