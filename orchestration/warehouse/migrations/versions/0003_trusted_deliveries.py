"""Deliveries that can be trusted: adjustments, a chained journal, stops, probes, consent over time, match quality."""

from orchestration.warehouse.migrations.statements import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_file(__file__)
