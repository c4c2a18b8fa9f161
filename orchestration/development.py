"""``leadloop dev``: every process of the product on this machine, under one Ctrl-C.

The embedded server is held here, so that it outlives every process that only connects to it.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import supervisor
from orchestration.instance import activate, end_lost_runs
from orchestration.supervisor import Service
from orchestration.warehouse.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from rich.console import Console

    from orchestration.settings import Settings

_WORKSPACE = """\
load_from:
  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: leadloop}}
"""


def run_development(settings: Settings, console: Console, *, with_sandbox: bool) -> None:
    """Run everything until Ctrl-C.

    Args:
        settings: Ports and where the warehouse is.
        console: Gets the addresses to open.
        with_sandbox: Whether deliveries and reads go to the sandbox.

    Raises:
        ServiceFailed: A port is taken, or a process ended by itself.
    """
    code_server_port = supervisor.free_port()
    services = _services(settings, code_server_port)
    supervisor.require_free_ports(services)
    with console.status("Preparing the warehouse"):
        migrate(settings)
    with supervisor.sigterm_as_interrupt(), _sandbox(settings, with_sandbox) as environment:
        settings = activate(settings, environment)
        _write_workspace(settings, code_server_port)
        _sweep()
        logs = settings.home / "logs"
        try:
            with supervisor.running(services, os.environ, logs, _announce(console)):
                _greet(console, settings)
                supervisor.watch(services, logs)
        except KeyboardInterrupt:
            console.print("Stopped.")


def _services(settings: Settings, code_server_port: int) -> list[Service]:
    """The processes, in the order in which they need one another.

    The code server is a process of its own: runs then start twice as fast as under ``dagster dev``, whose every
    process prepares the dbt project again.
    """
    bin_folder = Path(sys.executable).parent
    workspace = str(settings.home / "workspace.yaml")
    return [
        Service(
            "intake",
            [str(bin_folder / "leadloop"), "serve"],
            port=settings.intake_port,
        ),
        Service("panel", [str(bin_folder / "leadloop"), "panel"], port=settings.panel_port),
        Service(
            "code-server",
            [
                str(bin_folder / "dagster"),
                *("api", "grpc", "--host", "127.0.0.1", "--port", str(code_server_port)),
                *("--module-name", "orchestration.definitions", "--location-name", "leadloop"),
            ],
            port=code_server_port,
        ),
        Service(
            "dagster",
            [
                str(bin_folder / "dagster-webserver"),
                *("--workspace", workspace, "--host", "127.0.0.1"),
                *("--port", str(settings.dagster_port)),
            ],
            port=settings.dagster_port,
            needs=("code-server",),
        ),
        Service(
            "daemon",
            [str(bin_folder / "dagster-daemon"), "run", "--workspace", workspace],
            needs=("code-server",),
        ),
    ]


@contextmanager
def _sandbox(settings: Settings, with_sandbox: bool) -> Generator[Mapping[str, str]]:
    """The environment that leads every client to the sandbox, while it runs; or none."""
    if not with_sandbox:
        yield {}
        return
    from orchestration.sandbox.server import running_sandbox
    from orchestration.sandbox.setting import environment_of, require_sandbox_accounts

    require_sandbox_accounts(settings)
    with running_sandbox(settings.home / "sandbox") as sandbox:
        yield environment_of(sandbox)


def _write_workspace(settings: Settings, code_server_port: int) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    workspace = _WORKSPACE.format(port=code_server_port)
    (settings.home / "workspace.yaml").write_text(workspace)


def _sweep() -> None:
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        end_lost_runs(instance)


def _announce(console: Console) -> Callable[[Service], None]:
    def announce(service: Service) -> None:
        console.print(f"  [green]up[/green]  {service.name}", highlight=False)

    return announce


def _greet(console: Console, settings: Settings) -> None:
    intake = f"http://{settings.intake_host}:{settings.intake_port}"
    console.print(
        f"\nDagster   http://127.0.0.1:{settings.dagster_port}\n"
        f"Intake    {intake}/openapi.json\n"
        f"Panel     http://127.0.0.1:{settings.panel_port}\n"
        f"Logs      {settings.home / 'logs'}\n\n"
        "Ctrl-C stops all of it.",
        highlight=False,
    )
