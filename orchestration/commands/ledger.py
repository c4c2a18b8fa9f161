"""``leadloop ledger``: whether what left still stands as it left, made again, and let go of when it is old."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.commands.console import (
    JsonOption,
    TenantOption,
    err,
    names_of,
    out,
    print_line,
    refusals,
    tenants_of,
)
from orchestration.settings import get_settings

if TYPE_CHECKING:
    from orchestration.deliveries.journal.replay import Rebuilt
    from orchestration.deliveries.journal.verification import Verdict

app = typer.Typer(help="What left, held against its journal.", no_args_is_help=True)
_KEY = re.compile(r"[0-9a-f]{64}")


@app.command("verify")
def verify_ledger(
    tenant: TenantOption = None,
    head: Annotated[
        str | None,
        typer.Option(help="A key that `leadloop ledger head` printed: is it still there?"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every account's chain of hashes, and the rows that hang on it; exits 1 when one byte was changed."""
    from orchestration.deliveries.journal.verification import find_head, verify
    from orchestration.warehouse import Warehouse

    _check_key("--head", head)
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        tenants = tenants_of(warehouse, tenant)
        verdicts = [found for tenant_id in tenants for found in verify(warehouse, tenant_id)]
        has_head = head is None or any(find_head(warehouse, t, head) for t in tenants)
        names = names_of(warehouse)
    for verdict in verdicts:
        if as_json:
            print_line(json.dumps(_verdict_json(verdict)))
        else:
            _tell(names[verdict.account.tenant_id], verdict)
    if not has_head:
        err.print(
            f"No chain holds {head}: its end was cut off, or it is older than the ledger keeps rows."
        )
    if not (has_head and all(verdict.is_sound for verdict in verdicts)):
        raise typer.Exit(1)


@app.command("head")
def print_heads(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Print the last entry of each account's chain; kept elsewhere, it shows whether the end was cut off later."""
    from orchestration.deliveries.journal.verification import list_heads
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        heads = [
            (tenant_id, found)
            for tenant_id in tenants_of(warehouse, tenant)
            for found in list_heads(warehouse, tenant_id)
        ]
    for tenant_id, found in heads:
        values = {
            "tenant_id": str(tenant_id),
            "platform": found.platform,
            "account_id": found.account_id,
            "sequence": found.sequence,
            "entry_key": found.entry_key,
        }
        print_line(json.dumps(values) if as_json else "\t".join(map(str, values.values())))


@app.command("replay")
def replay_requests(
    batch: Annotated[str | None, typer.Option(help="The request's key.")] = None,
    all_requests: Annotated[bool, typer.Option("--all", help="Every request.")] = False,
    since: Annotated[
        datetime | None, typer.Option(help="With --all: those that left from then on, UTC.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the request's bytes here.")
    ] = None,
    _offline: Annotated[
        bool, typer.Option("--offline", help="Touch no network. There is no other way.")
    ] = True,
    tenant: TenantOption = None,
) -> None:
    """Make a request again from the frozen payloads and compare it with what left; exits 1 when they differ.

    With --batch the bytes go to standard output, or into a file.
    """
    from orchestration.deliveries.journal.replay import rebuild, rebuild_all
    from orchestration.warehouse import Warehouse

    if (batch is None) != all_requests:
        raise typer.BadParameter("give --batch KEY or --all")
    _check_key("--batch", batch)
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        tenants = tenants_of(warehouse, tenant)
        if batch is None:
            start = (since or datetime(1970, 1, 1)).replace(tzinfo=UTC)  # noqa: DTZ001 - typer reads moments without a zone
            names = names_of(warehouse)
            _compare(
                (names[t], found) for t in tenants for found in rebuild_all(warehouse, t, start)
            )
            return
        found = next(filter(None, (rebuild(warehouse, t, batch) for t in tenants)), None)
    if found is None:
        err.print(f"No request has the key {batch}.", highlight=False)
        raise typer.Exit(1)
    if found.made is None:
        err.print("It cannot be made again: the payload of a delivery in it is missing.")
        raise typer.Exit(1)
    if output is None:
        # Without a line's end: the hash of what is printed is the hash of what left.
        sys.stdout.write(found.made.body.decode())
    else:
        output.write_bytes(found.made.body)
    err.print(_sentence(found), highlight=False)
    if not found.is_same:
        raise typer.Exit(1)


@app.command("prune")
def prune_ledger(
    tenant: TenantOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and keep it all.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let go of what was settled longer ago than LEADLOOP_LEDGER_KEEP_DAYS; runs by itself once a day."""
    from orchestration.deliveries.journal.retention import prune
    from orchestration.warehouse import Warehouse

    now = datetime.now(UTC)
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        pruned = [
            (tenant_id, found)
            for tenant_id in tenants_of(warehouse, tenant)
            for found in prune(warehouse, tenant_id, now, is_dry=dry_run)
        ]
        names = names_of(warehouse)
    for tenant_id, found in pruned:
        if as_json:
            account = {"platform": found.platform, "account_id": found.account_id}
            print_line(json.dumps({"tenant_id": str(tenant_id)} | account | found.counts))
        else:
            counts = ", ".join(f"{count} {name}" for name, count in found.counts.items())
            account = f"{names[tenant_id]}, {found.platform}:{found.account_id}"
            out.print(f"{account}: {counts}", markup=False, highlight=False)
    if not pruned:
        err.print("Nothing is old enough.")


def _check_key(option: str, key: str | None) -> None:
    if key is not None and not _KEY.fullmatch(key):
        raise typer.BadParameter(f"{option} takes 64 hexadecimal digits")


def _compare(requests: Iterable[tuple[str, Rebuilt]]) -> None:
    total = different = 0
    for tenant, found in requests:
        total += 1
        if not found.is_same:
            different += 1
            print_line(f"{tenant}, {_sentence(found)}")
    err.print(f"{total} requests made again, {different} not as they left.", highlight=False)
    if different:
        raise typer.Exit(1)


def _sentence(found: Rebuilt) -> str:
    place = f"{found.platform}:{found.account_id} entry {found.sequence}"
    if found.is_same:
        return f"{place}: the same {len(found.left.body)} bytes as left."
    return f"{place}: not the bytes that left ({found.request_key})."


def _tell(tenant: str, verdict: Verdict) -> None:
    account = f"{tenant}, {verdict.account.platform}:{verdict.account.account_id}"
    lines = [fault.sentence() for fault in verdict.faults]
    rest = verdict.fault_counts.total() - len(lines)
    if verdict.is_sound:
        lines = [f"{verdict.entry_count:,} entries hold"]
    elif rest:
        lines.append(f"and {rest:,} more")
    for line in lines:
        out.print(f"{account}: {line}", markup=False, highlight=False, soft_wrap=True)


def _verdict_json(verdict: Verdict) -> dict[str, object]:
    return {
        "tenant_id": str(verdict.account.tenant_id),
        "platform": verdict.account.platform,
        "account_id": verdict.account.account_id,
        "entries": verdict.entry_count,
        "is_sound": verdict.is_sound,
        "fault_counts": dict(verdict.fault_counts),
        "faults": [
            {"code": f.code, "sequence": f.sequence, "subject": f.subject} for f in verdict.faults
        ],
    }
