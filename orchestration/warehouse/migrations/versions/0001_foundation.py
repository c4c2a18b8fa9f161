"""Schemas, tenants, raw data, the vault, operations, and row-level security from the first table on."""

from orchestration.warehouse.migrations.statements import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_file(__file__)
