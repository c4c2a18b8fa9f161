"""``leadloop sandbox``: the stand-ins by themselves."""

from __future__ import annotations

import typer

from orchestration.commands.console import refusals
from orchestration.settings import get_settings

sandbox_app = typer.Typer(help="Stand-ins of the outside systems.", no_args_is_help=True)


@sandbox_app.command("up")
def sandbox_up() -> None:
    """Serve the stand-ins of Google, Meta and TikTok on loopback until Ctrl-C; prints their addresses as JSON."""
    from orchestration.sandbox.server import serve_sandbox

    with refusals():
        serve_sandbox(get_settings().home / "sandbox")
