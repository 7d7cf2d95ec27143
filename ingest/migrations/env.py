"""Runs migrations on the connection that `ingest.database.migrate` hands over.

Knows no URL and no settings: whoever holds the connection decides which database is meant.
"""

from alembic import context
from sqlalchemy import Connection, text

#: Any number, the same in every Lectern: services that start together migrate one at a time.
MIGRATION_LOCK = 0x1EC7E24


def run(connection: Connection) -> None:
    """Upgrade inside the caller's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
    context.configure(connection=connection, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
