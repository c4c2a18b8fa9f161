"""How many planned conversions a second reach the platforms with the ledger committed, and in how much memory.

The sandbox runs in a process of its own; engine, Postgres and sandbox share the machine's cores. Each round measures,
one after the other, over the same conversions for all three platforms:

    engine          planned → submitted: leased, worded, kept, sent, settled; every step committed
    sandbox alone   the same requests, ready, sent by the same clients, with no ledger
    json.dumps      the same bodies, written once

    python benchmarks/deliveries.py [--conversions N] [--rounds N] [--memory N ...]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import psycopg
from pydantic import SecretStr

from orchestration.deliveries.accounts import accounts
from orchestration.deliveries.accounts.routes import install_account
from orchestration.deliveries.conversion import Request
from orchestration.deliveries.destinations import destination_of
from orchestration.deliveries.ledger import ledger
from orchestration.deliveries.sending import sender
from orchestration.settings import Settings
from orchestration.transform.build import dbt_build_all
from orchestration.warehouse import Warehouse, addresses
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.tenants import create_tenant

if TYPE_CHECKING:
    from collections.abc import Generator

TARGET_PER_SECOND = 3_000
ACCOUNTS: dict[str, tuple[str, dict[str, str]]] = {
    "google": ("1234567890", {}),
    "meta": ("880000000000001", {}),
    "tiktok": ("CPIXEL0001", {"offline_event_set_id": "7100000000000000001"}),
}
# What a plan of dbt's holds, made where it lies. Every conversion has an e-mail address and a telephone number.
PLAN = """
insert into marts.fct_conversions (tenant_id, conversion_id, kind, converted_at, value, currency, lead_id, consent,
    received_at, source, crm_record_id, is_reversed)
select %(tenant_id)s, 'c' || n, 'purchase', now() - interval '1 day', 1499.90, 'TRY', 'lead-' || n, 'granted',
    now() - interval '1 day', 'crm', 'CRM-' || n, false
from generate_series(1, cast(%(count)s as integer)) as n;

insert into marts.delivery_plan (tenant_id, conversion_id, platform, account_id, action, action_id, decision, reason,
    kind, converted_at, value, currency, lead_id, consent, region, legal_basis, limited_data_use, expires_at)
select c.tenant_id, c.conversion_id, a.platform, a.account_id,
    case a.platform when 'google' then 'PURCHASE' else 'Purchase' end,
    case a.platform when 'google' then '900000002' end,
    'send', 'eligible', c.kind, c.converted_at, c.value, c.currency, c.lead_id, c.consent, 'TR', 'consent', false,
    now() + interval '5 days'
from marts.fct_conversions as c
inner join ops.accounts as a on c.tenant_id = a.tenant_id
where c.tenant_id = %(tenant_id)s;

insert into intermediate.int_conversions__identifiers (tenant_id, conversion_id, kind, token)
select c.tenant_id, c.conversion_id, k.kind, encode(sha256(convert_to(k.kind || c.conversion_id, 'UTF8')), 'hex')
from marts.fct_conversions as c cross join (values ('email'), ('phone')) as k (kind)
where c.tenant_id = %(tenant_id)s;

insert into vault.identifiers (tenant_id, kind, raw_value, platform, sha256, rules_version, token)
select i.tenant_id, i.kind, i.conversion_id, p.platform,
    encode(sha256(convert_to(p.platform || i.token, 'UTF8')), 'hex'), 1, i.token
from intermediate.int_conversions__identifiers as i
cross join (values ('google'), ('meta'), ('tiktok')) as p (platform)
where i.tenant_id = %(tenant_id)s;

insert into ops.check_results (tenant_id, rule, checked_at, run_id, severity, passed)
values (%(tenant_id)s, 'REC3', clock_timestamp(), 'benchmark', 'critical', true)
"""
SANDBOX = """
import sys
from pathlib import Path
from orchestration.sandbox.server import Ports, serve_sandbox

serve_sandbox(Path(sys.argv[1]), Ports())
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the delivery engine.")
    parser.add_argument("--conversions", type=int, default=4_000, help="per platform and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--memory",
        type=int,
        nargs="*",
        default=[100_000],
        help="planned rows to enroll and send while memory is measured; 1000000 takes several minutes more",
    )
    arguments = parser.parse_args()
    with _world() as (settings, control_url):
        engine, alone, dumps = [], [], []
        for number in range(arguments.rounds):
            tenant_id = _plan(settings, f"Akademi {number}", arguments.conversions)
            rows = arguments.conversions * len(ACCOUNTS)
            engine.append(rows / _seconds(_in_process(_send_all, settings, tenant_id)))
            httpx.post(f"{control_url}/_sandbox/reset").raise_for_status()
            seconds, dumping = _in_process(_post_again, settings, tenant_id)
            alone.append(rows / seconds)
            dumps.append(rows / dumping)
        print(
            f"{os.cpu_count()} cores; {arguments.conversions:,} conversions × {len(ACCOUNTS)} platforms,"
            f" median of {arguments.rounds} alternating rounds"
        )
        for name, rates in (("engine", engine), ("sandbox alone", alone), ("json.dumps", dumps)):
            print(f"{name:>14}: {statistics.median(rates):9,.0f} conversions/s")
        print(f"{'target':>14}: {TARGET_PER_SECOND:9,} conversions/s planned → submitted")
        for number, rows in enumerate(arguments.memory):
            tenant_id = _plan(settings, f"Gedächtnis {number}", rows // len(ACCOUNTS))
            found: _Memory = _in_process(_measure_memory, settings, tenant_id)
            print(
                f"memory, {found.sent:,} of {rows:,} planned rows sent: {found.warm:.0f} MiB after a fifth,"
                f" {found.end:.0f} at the end ({found.end - found.warm:+.1f}), {found.most:.0f} at most;"
                f" enrolled in {found.enrolling:.1f} s, again with nothing new in {found.again:.2f} s"
            )
            httpx.post(f"{control_url}/_sandbox/reset").raise_for_status()


def _send_all(settings: Settings, tenant_id: UUID) -> float:
    """Seconds from planned to submitted, enrolling left out."""
    with Warehouse(settings, "worker") as warehouse:
        ledger.enroll(warehouse, tenant_id)
        began = time.perf_counter()
        reports = sender.send_due(warehouse, [tenant_id], sender.Tools(ensure_probed=_unasked))
        elapsed = time.perf_counter() - began
    for report in reports:
        if report.stopped_by or report.bugs or set(report.moves) - {"accepted", "submitted"}:
            raise RuntimeError(f"not all was taken: {report}")
    return elapsed


def _post_again(settings: Settings, tenant_id: UUID) -> tuple[float, float]:
    """Seconds to send the requests that the engine made, ready and with no ledger; and to write their bodies."""
    with Warehouse(settings, "worker") as warehouse:
        with warehouse.tenant(tenant_id) as connection:
            kept = connection.exec_driver_sql(
                "select platform, target, body, event_count from ops.delivery_requests order by sequence"
            ).all()
        clients = {
            a.platform: (a, sender.connect(warehouse, a))
            for a in accounts.list_accounts(warehouse, tenant_id)
        }
        requests = [(r.platform, Request(r.target, bytes(r.body), r.event_count)) for r in kept]
        bodies = [json.loads(request.body) for _, request in requests]
        began = time.perf_counter()
        for platform, request in requests:
            account, client = clients[platform]
            destination_of(account).send(client, request)
        sending = time.perf_counter() - began
        began = time.perf_counter()
        for body in bodies:
            json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
        return sending, time.perf_counter() - began


class _Memory(NamedTuple):
    """What a process held while it sent all of a plan.

    Attributes:
        sent: How many rows were taken.
        warm: MiB resident when a fifth of the leases had come.
        most: MiB resident at most.
        end: MiB resident when all was sent.
        enrolling: Seconds to enroll all.
        again: Seconds to enroll once more, with nothing new.
    """

    sent: int
    warm: float
    most: float
    end: float
    enrolling: float
    again: float


def _measure_memory(settings: Settings, tenant_id: UUID) -> _Memory:
    """Enroll and send all of a plan, and watch the process."""
    watch = _Watch()
    with Warehouse(settings, "worker") as warehouse:
        began = time.perf_counter()
        ledger.enroll(warehouse, tenant_id)
        enrolling = time.perf_counter() - began
        began = time.perf_counter()
        ledger.enroll(warehouse, tenant_id)
        again = time.perf_counter() - began
        tools = sender.Tools(ensure_probed=_unasked, new_token=watch)
        reports = sender.send_due(warehouse, [tenant_id], tools)
        end = _resident()
    taken = [r.moves["accepted"] + r.moves["submitted"] for r in reports]
    return _Memory(sum(taken), watch.warm, max(watch.resident), end, enrolling, again)


def _unasked(*_: object) -> list[Any]:
    return []


class _Watch:
    """Gives leases their tokens, and looks at the process before each."""

    def __init__(self) -> None:
        self.resident: list[float] = []

    def __call__(self) -> UUID:
        self.resident.append(_resident())
        return uuid4()

    @property
    def warm(self) -> float:
        """MiB when a fifth of the leases had come."""
        return self.resident[len(self.resident) // 5]


def _resident() -> float:
    """MiB of this process that lie in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _seconds(seconds: float) -> float:
    return seconds


def _in_process(act: Any, *arguments: Any) -> Any:
    """Do something in a fresh process, so that memory and caches are its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(act, arguments)


def _plan(settings: Settings, name: str, conversions: int) -> UUID:
    tenant_id = create_tenant(settings, name).tenant_id
    with Warehouse(settings, "worker") as warehouse:
        for platform, (account_id, config) in ACCOUNTS.items():
            install_account(
                *(warehouse, tenant_id, platform, account_id),
                config=config,
                credentials={"access_token": "good"},
                action_ids={"purchase": "900000002"} if platform == "google" else None,
            )
    url = addresses.libpq_url(addresses.admin_url(settings))
    with psycopg.connect(url, autocommit=True) as admin:
        for statement in PLAN.split(";\n"):
            admin.execute(
                statement,
                {"tenant_id": tenant_id, "count": conversions},  # pyright: ignore[reportArgumentType]
            )
        admin.execute("analyze")
    return tenant_id


@contextlib.contextmanager
def _world() -> Generator[tuple[Settings, str]]:
    """A server of its own with dbt's tables, and a sandbox in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        own = Settings(home=Path(folder))
        migrate(own)
        address = addresses.admin_url(own).render_as_string(hide_password=False)
        settings = own.model_copy(update={"database_url": SecretStr(address)})
        dbt_build_all(settings)
        state = Path(folder) / "sandbox"
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own text
            [sys.executable, "-c", SANDBOX, str(state)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout
            where = json.loads(process.stdout.readline())
            where.pop("grpc_roots_path")
            yield settings.model_copy(update=where), where["google_datamanager_url"]
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
