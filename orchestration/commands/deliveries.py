"""``leadloop deliveries …``: what leaves for the platforms, what stands in its way, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from orchestration.commands.console import (
    JsonOption,
    TenantOption,
    err,
    out,
    print_line,
    refusals,
    tenant_of,
    tenants_of,
)
from orchestration.settings import get_settings

if TYPE_CHECKING:
    from orchestration.deliveries.answers.difference import Rehearsal

# Who acts, in the audit log: the command line knows no names.
_OPERATOR = "operator"

app = typer.Typer(help="What leaves for the platforms.", no_args_is_help=True)

DestinationOption = Annotated[
    str | None,
    typer.Option(
        "--destination", "-d", help="google, meta, tiktok, or one account, as meta:880000000000001."
    ),
]


@app.command("status")
def show_status(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Show where each destination is: rows by state, what is due, what stops it, its last request."""
    from orchestration.deliveries.answers.operating import list_status
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        found = [
            (tenant_id, status)
            for tenant_id in tenants_of(warehouse, tenant)
            for status in list_status(warehouse, tenant_id)
        ]
        names = {one.tenant_id: one.name for one in warehouse.tenants()}
    if as_json:
        _print_all(found)
        return
    table = Table("tenant", "destination", "rows by state", "due", "stopped by", "last request")
    for tenant_id, status in found:
        table.add_row(
            names[tenant_id],
            f"{status.platform}:{status.account_id}",
            ", ".join(f"{count} {state}" for state, count in sorted(status.states.items())) or "-",
            _say_due(status),
            "\n".join(_list_obstacles(status)) or "-",
            _say_request(status.last_request),
        )
    out.print(table)


@app.command("dead")
def show_dead(
    tenant: TenantOption = None, destination: DestinationOption = None, as_json: JsonOption = False
) -> None:
    """List what was given up or refused, by destination, reason and the platform's code, with what to do."""
    from orchestration.deliveries.answers.operating import list_dead_letters
    from orchestration.deliveries.answers.phrases import read_target
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        target = read_target(destination)
        found = [
            (tenant_id, letters)
            for tenant_id in tenants_of(warehouse, tenant)
            for letters in list_dead_letters(warehouse, tenant_id, target)
        ]
        names = {one.tenant_id: one.name for one in warehouse.tenants()}
    if as_json:
        _print_all(found)
        return
    if not found:
        err.print("Nothing was given up or refused.")
        return
    table = Table(
        "tenant", "rows", "destination", "reason", "code", "oldest", "newest", "what to do"
    )
    for tenant_id, letters in found:
        table.add_row(
            names[tenant_id],
            f"{letters.row_count:,}",
            f"{letters.platform}:{letters.account_id}",
            letters.reason,
            f"{letters.code or '-'}\n{letters.meaning or ''}".strip(),
            _moment(letters.oldest_at),
            _moment(letters.newest_at),
            letters.advice,
        )
    out.print(table)


@app.command("retry")
def retry_dead(
    reason: Annotated[
        str, typer.Option(help="For which they ended; `deliveries dead` lists them.")
    ],
    tenant: TenantOption = None,
    destination: DestinationOption = None,
    code: Annotated[str | None, typer.Option(help="Only those with this code.")] = None,
    before: Annotated[
        datetime | None, typer.Option(help="Only those that ended before; UTC.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most rows, oldest first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen.")] = False,
    even_if_counted_twice: Annotated[
        bool,
        typer.Option(
            "--even-if-counted-twice",
            help="Also what may have arrived and the platform would not recognise as a repeat.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Send again what was given up, and word anew what was refused.

    A row that was given up keeps its event id and its bytes and gets a fresh budget. A refused one would be refused
    again: its next version is worded and hashed under the rules of now. Consent, age and the platform's window for
    repeats are asked again; the retry is noted in the audit log.
    """
    from orchestration.deliveries.answers.operating import Wish, retry
    from orchestration.deliveries.answers.phrases import read_target
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        wish = Wish(
            reason,
            read_target(destination),
            code,
            before.replace(tzinfo=UTC) if before else None,
            limit,
            even_if_counted_twice,
            dry_run,
        )
        tenant_id = tenant_of(tenant)
        reports = retry(warehouse, tenant_id, wish)
    if as_json:
        _print_all((tenant_id, report) for report in reports)
        return
    if not reports:
        err.print("No row ended so; `leadloop deliveries dead` lists what there is.")
        return
    verb = "would go" if dry_run else "go"
    for report in reports:
        out.print(
            f"{report.platform}:{report.account_id}: {report.revived:,} {verb} again as they were, "
            f"{report.renewed:,} worded anew.",
            highlight=False,
        )
        for left in report.as_json()["left"]:
            out.print(
                f"  {left['row_count']:,} stay: {left['sentence']} ({left['reason']}). {left['advice']}",
                highlight=False,
                soft_wrap=True,
            )


@app.command("expiring")
def show_expiring(
    within: Annotated[str, typer.Option(help="How far to look: 90m, 24h or 7d.")] = "24h",
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what still waits while its time at the platform runs out."""
    from orchestration.deliveries.answers.operating import list_expiring
    from orchestration.deliveries.reasons import sentence_of
    from orchestration.warehouse import Warehouse

    span = read_span(within)
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        found = {
            tenant_id: list_expiring(warehouse, tenant_id, span)
            for tenant_id in tenants_of(warehouse, tenant)
        }
        names = {one.tenant_id: one.name for one in warehouse.tenants()}
    if as_json:
        for tenant_id, (expiring, rows) in found.items():
            _print_json(
                {
                    "tenant_id": str(tenant_id),
                    "counts": [count.as_json() for count in expiring],
                    "nearest": [row.as_json() for row in rows],
                }
            )
        return
    if not any(expiring for expiring, _ in found.values()):
        err.print(f"Nothing expires within {within}.")
        return
    for tenant_id, (expiring, rows) in found.items():
        for count in expiring:
            out.print(
                f"{names[tenant_id]}, {count.platform}:{count.account_id}: {count.row_count:,} {count.state}, "
                f"{count.sentence()}: {sentence_of(count.reason)} ({count.reason}).",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        for row in rows:
            out.print(
                f"  {row.conversion_id} as {row.action}, {row.state}: {row.sentence()}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


@app.command("pause")
def pause_destination(
    destination: Annotated[str, typer.Argument(help="google, meta, tiktok, or platform:account.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever looks next.")] = "paused",
    tenant: TenantOption = None,
) -> None:
    """Let nothing leave for a destination until `resume`; what waits there keeps waiting."""
    from orchestration.deliveries.answers.operating import pause
    from orchestration.deliveries.answers.phrases import read_target
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        paused = pause(warehouse, tenant_of(tenant), read_target(destination), reason, by=_OPERATOR)
    for account in paused:
        err.print(f"Paused {account.platform}:{account.account_id}.", highlight=False)


@app.command("resume")
def resume_destination(
    destination: Annotated[str, typer.Argument(help="google, meta, tiktok, or platform:account.")],
    tenant: TenantOption = None,
) -> None:
    """Let things leave again for a destination, whoever or whatever stopped it."""
    from orchestration.deliveries.answers.operating import resume
    from orchestration.deliveries.answers.phrases import read_target
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        ended = resume(warehouse, tenant_of(tenant), read_target(destination), by=_OPERATOR)
    if not ended:
        err.print("Nothing was stopped there.")
    for account, target in ended:
        lane = f" for {target}" if target else ""
        err.print(f"{account.platform}:{account.account_id} goes again{lane}.", highlight=False)


@app.command("dry-run")
def rehearse_run(
    tenant: TenantOption = None,
    destination: DestinationOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Most events of a destination.")] = 1_000,
    as_json: JsonOption = False,
) -> None:
    """Show what the next run would send, beside what was sent before; nothing is sent and nothing is stored."""
    from uuid import uuid4

    from orchestration.deliveries.answers.difference import rehearse
    from orchestration.deliveries.answers.phrases import read_target
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        target = read_target(destination)
        found = [
            (tenant_id, rehearsal)
            for tenant_id in tenants_of(warehouse, tenant)
            for rehearsal in rehearse(warehouse, tenant_id, uuid4, target, limit)
        ]
        names = {one.tenant_id: one.name for one in warehouse.tenants()}
    if as_json:
        _print_all(found)
        return
    for tenant_id, rehearsal in found:
        _print_rehearsal(names[tenant_id], rehearsal)


@app.command("preview")
def show_preview(
    conversion: Annotated[str, typer.Argument(help="Conversion id.")],
    tenant: TenantOption = None,
    platform: Annotated[str | None, typer.Option(help="google, meta or tiktok; default: all.")] = (
        None
    ),
) -> None:
    """Print the exact request body that a conversion would be sent with; sends nothing."""
    from orchestration.deliveries.answers.previews import preview
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        bodies = [
            body
            for tenant_id in tenants_of(warehouse, tenant)
            for body in preview(warehouse, tenant_id, conversion, platform)
        ]
    if not bodies:
        err.print("No destination takes this conversion; `leadloop why` says the reason.")
        raise typer.Exit(1)
    for body in bodies:
        err.print(f"{body.platform} {body.account_id}", highlight=False)
        print_line(body.body.decode())


def _print_rehearsal(tenant: str, rehearsal: Rehearsal) -> None:
    from orchestration.deliveries.reasons import sentence_of

    def say(line: str) -> None:
        out.print(line, markup=False, highlight=False, soft_wrap=True)

    counts = ", ".join(f"{count:,} {kind}" for kind, count in rehearsal.kinds.most_common())
    more = " and perhaps more" if rehearsal.is_cut else ""
    say(
        f"{tenant}, {rehearsal.platform}:{rehearsal.account_id}: {counts or 'nothing to send'}{more}"
    )
    for obstacle in rehearsal.obstacles:
        say(f"  not now: {obstacle}")
    for lane, count in rehearsal.lanes.most_common():
        say(f"  {count:,} by {lane}")
    for (state, reason), count in rehearsal.moves.most_common():
        say(f"  {count:,} {state} instead: {sentence_of(reason)} ({reason})")
    for one in rehearsal.differences:
        say(f"  {one.kind} {one.conversion_id} as {one.action} by {one.lane}")
        for path, value in one.fields.items():
            told = f"{value['was']} → {value['is']}" if isinstance(value, dict) else value
            say(f"    {path}: {told}")


def read_span(text: str) -> timedelta:
    """Read a span of time as one types it: ``90m``, ``24h``, ``7d``."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not (number.isascii() and number.isdigit()) or len(number) > 5:
        raise typer.BadParameter(f"{text!r} is no span of time; write 90m, 24h or 7d")
    return timedelta(**{units[unit]: int(number)})


def _print_all(answers: Iterable[tuple[UUID, Any]]) -> None:
    for tenant_id, answer in answers:
        _print_json({"tenant_id": str(tenant_id), **answer.as_json()})


def _print_json(value: dict[str, Any]) -> None:
    print_line(json.dumps(value, ensure_ascii=False))


def _list_obstacles(status: Any) -> Sequence[str]:
    from orchestration.deliveries.answers.phrases import NAMES

    found = list(status.stops)
    if not status.is_active:
        found.append("the account is switched off")
    if status.gate:
        found.append(f"the gate is closed by {', '.join(status.gate)}")
    if status.throttled_until:
        found.append(
            f"throttled until {_moment(status.throttled_until)}, as {NAMES[status.platform]} asks"
        )
    return found


def _say_due(status: Any) -> str:
    if not status.due_count:
        return "-"
    return f"{status.due_count:,} since {_moment(status.oldest_due_at)}"


def _say_request(request: dict[str, Any]) -> str:
    if not request:
        return "-"
    answer = request["answer_code"] or "no answer yet"
    return f"{_moment(request['sent_at'])}: {request['event_count']:,} events, {answer}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
