"""A migration is a file of SQL beside its revision: the same name, ending in ``.sql``."""

from pathlib import Path
from typing import Any

from alembic import op


def run_file(revision_file: str) -> None:
    """Run the SQL file of a revision as one batch.

    Args:
        revision_file: The revision's ``__file__``.
    """
    statements = Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8")
    # Straight to psycopg: without parameters it sends the whole batch at once and reads `%` as a percent sign.
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(statements)
