"""The sender: leases rows, sends them in the platforms' own batch sizes, settles one outcome per row.

One run goes round over all tenants' accounts, a batch each in turn, so that nobody waits for a large neighbour; a few
accounts have their turn at the same time, so that one is worded while another waits for its platform.

Belongs here: whose turn it is. Lives elsewhere: what an account does in its turn (``runs.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING
from uuid import UUID

from orchestration.deliveries.accounts import accounts
from orchestration.deliveries.sending.outside import Tools, connect
from orchestration.deliveries.sending.runs import Report, Run

if TYPE_CHECKING:
    from orchestration.warehouse import Warehouse

__all__ = ["Report", "Tools", "connect", "poll_submitted", "send_due"]


def send_due(
    warehouse: Warehouse, tenant_ids: Sequence[UUID] | None = None, tools: Tools | None = None
) -> list[Report]:
    """Send everything that is due, and ask what became of what was taken earlier.

    Args:
        warehouse: As role worker.
        tenant_ids: Whose; all active tenants by default.
        tools: Replacements for the outside.

    Returns:
        One report per account, whatever happened to the others.
    """
    tools = tools or Tools()
    with _runs(warehouse, tenant_ids, tools) as runs:
        _take_turns(runs, tools.parallel, Run.poll_once)
        _take_turns(runs, tools.parallel, Run.step)
        _take_turns(runs, tools.parallel, Run.poll_once)
    return [run.report for run in runs]


def poll_submitted(
    warehouse: Warehouse, tenant_ids: Sequence[UUID] | None = None, tools: Tools | None = None
) -> list[Report]:
    """Ask what became of what was taken earlier, and send nothing; arguments as for ``send_due``."""
    tools = tools or Tools()
    with _runs(warehouse, tenant_ids, tools) as runs:
        _take_turns(runs, tools.parallel, Run.poll_once)
    return [run.report for run in runs]


def _take_turns(runs: Sequence[Run], parallel: int, act: Callable[[Run], bool]) -> None:
    """Let each account act in its turn, again and again while it says that there may be more."""
    waiting = deque(runs)
    if parallel == 1 or len(runs) == 1:
        while waiting:
            run = waiting.popleft()
            if run.guarded(act):
                waiting.append(run)
        return
    with ThreadPoolExecutor(parallel, thread_name_prefix="sender") as pool:
        acting: dict[Future[bool], Run] = {}
        while waiting or acting:
            while waiting and len(acting) < parallel:
                run = waiting.popleft()
                acting[pool.submit(run.guarded, act)] = run
            done, _ = wait(acting, return_when=FIRST_COMPLETED)
            for future in done:
                run = acting.pop(future)
                if future.result():
                    waiting.append(run)


@contextmanager
def _runs(
    warehouse: Warehouse, tenant_ids: Sequence[UUID] | None, tools: Tools
) -> Generator[list[Run]]:
    """The accounts of all tenants, one of each in turn; their clients are closed at the end."""
    if tenant_ids is None:
        tenant_ids = [tenant.tenant_id for tenant in warehouse.tenants()]
    runs = [
        Run(warehouse, account, tools)
        for round_ in zip_longest(*(accounts.list_accounts(warehouse, t) for t in tenant_ids))
        for account in round_
        if account is not None and warehouse.settings.may_reach(account.config)
    ]
    try:
        yield runs
    finally:
        for run in runs:
            run.close()
