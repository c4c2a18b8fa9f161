"""``leadloop consent``: on which ground a tenant sends, a no that somebody said, and the proof."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

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
)
from orchestration.settings import get_settings

if TYPE_CHECKING:
    from orchestration.deliveries.consent.consent import Policy, Withdrawal
    from orchestration.deliveries.consent.proof import Proof
    from orchestration.warehouse import Tenant

app = typer.Typer(help="On which ground outcomes are sent.", no_args_is_help=True)
policy_app = typer.Typer(
    help="The ground by region and over time; region * is everywhere else.", no_args_is_help=True
)
app.add_typer(policy_app, name="policy")

_DAY_FORMATS = ["%Y-%m-%d"]
_TIME_FORMATS = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%d"]


@policy_app.command("show")
def policy_show(
    tenant: TenantOption = None,
    history: Annotated[bool, typer.Option("--history", help="Those that held before, too.")] = (
        False
    ),
    as_json: JsonOption = False,
) -> None:
    """Show the policy of each region."""
    from orchestration.deliveries.consent.consent import list_policies
    from orchestration.warehouse import Warehouse

    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        policies = list_policies(warehouse, tenant_of(tenant))
    shown = [policy for policy in policies if history or policy.is_current]
    if as_json:
        for policy in shown:
            print_line(json.dumps(_policy_as_json(policy)))
        return
    table = Table("region", "basis", "where nobody said", "limited data use", "since")
    for policy in shown:
        table.add_row(
            policy.region,
            policy.legal_basis,
            policy.unknown_consent if policy.legal_basis == "consent" else "send",
            "yes" if policy.limited_data_use else "no",
            f"{policy.valid_from:%Y-%m-%d %H:%M:%S}Z" + ("" if policy.is_current else " (past)"),
        )
    out.print(table)


@policy_app.command("set")
def policy_set(
    tenant: TenantOption = None,
    region: Annotated[str, typer.Option(help="Two letters, such as DE; * is everywhere else.")] = (
        "*"
    ),
    basis: Annotated[
        str | None,
        typer.Option(
            help="consent: a yes is needed; legitimate_interest: sent unless somebody said no."
        ),
    ] = None,
    unknown: Annotated[
        str | None, typer.Option(help="Under consent, where nobody said: hold or send.")
    ] = None,
    limited_data_use: Annotated[
        bool | None, typer.Option(help="Tell the platform to limit what it does with the data.")
    ] = None,
) -> None:
    """Let a policy hold for a region from now on; what is not said stays as it is."""
    from orchestration.deliveries.consent.consent import set_policy
    from orchestration.warehouse import Warehouse

    if basis is None and unknown is None and limited_data_use is None:
        raise typer.BadParameter("say what is to hold: --basis, --unknown or --limited-data-use")
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        policy = set_policy(
            warehouse,
            tenant_of(tenant),
            region,
            legal_basis=basis,
            unknown_consent=unknown,
            limited_data_use=limited_data_use,
        )
    err.print(
        f"In {policy.region} since {policy.valid_from:%Y-%m-%d %H:%M:%S}Z: {policy.legal_basis}, where nobody said "
        f"{policy.unknown_consent}. Waiting outcomes follow with the next run.",
        highlight=False,
    )


@app.command("withdraw")
def withdraw_consent(
    key: Annotated[str, typer.Argument(help="A lead, conversion, CRM record or person, by id.")],
    tenant: TenantOption = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=_TIME_FORMATS, help="When it was said, if not now; UTC without a zone."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Record a no: what is due is called off at once, what has left already is listed."""
    from orchestration.deliveries.consent.consent import withdraw
    from orchestration.warehouse import Warehouse

    moment = at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        done = withdraw(warehouse, tenant_of(tenant), key, at=moment)
    if as_json:
        print_line(json.dumps(_withdrawal_as_json(done)))
        return
    err.print(
        f"Recorded for the {done.subject_kind.replace('_', ' ')}: {done.conversions} outcomes of the person, "
        f"{done.cancelled} deliveries called off, {len(done.sent)} had left already.",
        highlight=False,
    )
    if done.cancelled or done.sent:
        err.print(
            "`leadloop why` shows the no after the next run; nothing of this person leaves meanwhile."
        )
    if done.sent:
        table = Table(
            "destination", "action", "outcome", "left at", "state", "platform takes it back"
        )
        for sent in done.sent:
            table.add_row(
                f"{sent.platform}:{sent.account_id}",
                sent.action,
                sent.conversion_id,
                f"{sent.sent_at:%Y-%m-%d %H:%M:%S}Z",
                sent.state if sent.kind == "send" else f"{sent.state} ({sent.kind})",
                "yes" if sent.is_adjustable else "no",
            )
        out.print(table)
        err.print(
            "What left stays with the platforms: taking it back would carry the person's hashes again. Where they "
            "have to forget it, ask them; docs/consent.md says more.",
            soft_wrap=True,
        )


@app.command("prove")
def prove_consent(
    first: Annotated[
        datetime, typer.Option("--from", formats=_DAY_FORMATS, help="First day, tenant's zone.")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=_DAY_FORMATS, help="Last day, included.")
    ],
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge everything that left by what was known when it did: words about consent, and the policy of the region.

    The facts are read again, not what the sender wrote down; that is compared afterwards. Exits 1 on any violation.
    """
    from orchestration.deliveries.consent.proof import prove
    from orchestration.warehouse import Warehouse

    if last < first:
        raise typer.BadParameter("ends before it begins", param_hint="--to")
    with refusals(), Warehouse(get_settings(), "worker") as warehouse:
        wanted = None if tenant is None else tenant_of(tenant)
        proofs = [
            (one, prove(warehouse, one, first.date(), last.date()))
            for one in warehouse.tenants()
            if wanted in {None, one.tenant_id}
        ]
    for one, proof in proofs:
        if as_json:
            print_line(json.dumps(_proof_as_json(proof)))
        else:
            _print_proof(one, proof)
    if any(proof.violations for _, proof in proofs):
        raise typer.Exit(1)


def _print_proof(tenant: Tenant, proof: Proof) -> None:
    count = len(proof.violations)
    colour = "red" if count else "green"
    out.print(
        f"{tenant.name}, {proof.first} to {proof.last}: {proof.attempts} attempts left, "
        f"[{colour}]{count} violations[/{colour}]",
        highlight=False,
    )
    for ground in proof.grounds:
        said = ground.consent or "nobody said"
        out.print(f"  {ground.attempts} on {ground.legal_basis}, {said}", highlight=False)
    out.print(
        f"  {proof.unread} left after a no had been received and before a sender could know it",
        highlight=False,
    )
    if count:
        table = Table("attempt", "destination", "outcome", "left at", "what is wrong")
        for violation in proof.violations:
            table.add_row(
                f"{violation.delivery_id} #{violation.attempt}",
                f"{violation.platform}:{violation.account_id}",
                violation.conversion_id,
                f"{violation.started_at:%Y-%m-%d %H:%M:%S}Z",
                violation.code,
            )
        out.print(table)


def _policy_as_json(policy: Policy) -> dict[str, object]:
    return {
        "region": policy.region,
        "legal_basis": policy.legal_basis,
        "unknown_consent": policy.unknown_consent,
        "limited_data_use": policy.limited_data_use,
        "valid_from": policy.valid_from.isoformat(),
        "recorded_by": policy.recorded_by,
        "is_current": policy.is_current,
    }


def _withdrawal_as_json(done: Withdrawal) -> dict[str, object]:
    return {
        "subject_kind": done.subject_kind,
        "conversions": done.conversions,
        "cancelled": done.cancelled,
        "sent": [
            {
                "platform": sent.platform,
                "account_id": sent.account_id,
                "action": sent.action,
                "conversion_id": sent.conversion_id,
                "kind": sent.kind,
                "state": sent.state,
                "sent_at": sent.sent_at.isoformat(),
                "is_adjustable": sent.is_adjustable,
            }
            for sent in done.sent
        ],
    }


def _proof_as_json(proof: Proof) -> dict[str, object]:
    return {
        "tenant_id": str(proof.tenant_id),
        "from": proof.first.isoformat(),
        "to": proof.last.isoformat(),
        "attempts": proof.attempts,
        "grounds": [
            {"legal_basis": g.legal_basis, "consent": g.consent, "attempts": g.attempts}
            for g in proof.grounds
        ],
        "unread": proof.unread,
        "violations": [
            {
                "delivery_id": v.delivery_id,
                "attempt": v.attempt,
                "conversion_id": v.conversion_id,
                "platform": v.platform,
                "account_id": v.account_id,
                "started_at": v.started_at.isoformat(),
                "code": v.code,
                "region": v.region,
                "legal_basis": v.legal_basis,
                "policy_from": v.policy_from and v.policy_from.isoformat(),
                "consent": v.consent,
                "recorded_basis": v.recorded_basis,
                "recorded_policy_from": (
                    v.recorded_policy_from and v.recorded_policy_from.isoformat()
                ),
                "recorded_consent": v.recorded_consent,
            }
            for v in proof.violations
        ],
    }
