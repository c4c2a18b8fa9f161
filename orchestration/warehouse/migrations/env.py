"""Alembic's entry: runs the migrations on the connection that ``migrate`` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
connection.exec_driver_sql("set local role owner")
context.configure(
    connection=connection,
    target_metadata=None,
    version_table="schema_versions",
    version_table_schema="ops",
)
with context.begin_transaction():
    context.run_migrations()
connection.exec_driver_sql("reset role")
