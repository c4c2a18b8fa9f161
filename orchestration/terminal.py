"""A terminal on the warehouse: psql as one of the product's roles, for one tenant."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from orchestration.warehouse import addresses, embedded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from orchestration.settings import Settings


def open_psql(settings: Settings, role: str, tenant_id: UUID, commands: Sequence[str]) -> int:
    """Run psql until the user leaves it; an embedded server is held for as long.

    Args:
        settings: Where the warehouse is.
        role: Whose rights.
        tenant_id: Whose rows; the session may name another one later.
        commands: Run these and end; without any, psql asks.

    Returns:
        psql's exit code.
    """
    url = addresses.role_url(settings, role)
    environment = {
        **os.environ,
        **addresses.libpq_environment(url),
        "PGOPTIONS": f"-c app.tenant_id={tenant_id}",
    }
    arguments = [part for command in commands for part in ("-c", command)]
    # The wheel that brings the server brings its psql.
    program = shutil.which("psql") or str(embedded.program("psql"))
    return subprocess.run([program, *arguments], env=environment, check=False).returncode  # noqa: S603
