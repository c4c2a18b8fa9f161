"""The ledger: what is owed to each destination, every attempt, and every request as it left."""

from orchestration.warehouse.migrations.statements import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_file(__file__)
