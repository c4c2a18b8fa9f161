"""The warehouse: the embedded server, connections and roles, migrations, COPY, named SQL, secrets.

Everything that touches Postgres goes through here; no module outside opens a connection of its own.
"""

from orchestration.warehouse.connections import Tenant, Warehouse, copy_rows

__all__ = ["Tenant", "Warehouse", "copy_rows"]
