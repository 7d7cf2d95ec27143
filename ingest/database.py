"""The SQL database: one engine per process, short transactions, one writer at a time on SQLite.

SQLite runs in WAL mode; a transaction that will write says so when it opens (`BEGIN IMMEDIATE`),
because upgrading a read transaction half-way fails under concurrency instead of waiting.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from sqlite3 import SQLITE_FULL
from sqlite3 import Connection as SqliteConnection

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session

from ingest.errors import SchemaOutdated
from ingest.settings import settings

MIGRATIONS = Path(__file__).parent / "migrations"
#: Of the file, read through the page cache that all processes share; else each block is copied.
MAPPED_BYTES = 1 << 30
BUSY_TIMEOUT_MS = 15_000
POSTGRES_FULL = "53100"  # disk_full, by its SQLSTATE


class Table(DeclarativeBase):
    """Base of every table, here and in `workers`."""


@cache
def engine() -> Engine:
    """The process's engine. Call after a fork, never before one."""
    return connect(settings().resolved_database_url)


def connect(url: str) -> Engine:
    """An engine for `url` with the transaction rules of this module.

    Parameters stay out of its errors: they are documents and questions, and errors are logged.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    made = create_engine(url, connect_args={"check_same_thread": False}, hide_parameters=True)
    if made.url.database:
        Path(made.url.database).parent.mkdir(parents=True, exist_ok=True)
    event.listen(made, "connect", _configure_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made


@contextmanager
def reading() -> Iterator[Session]:
    """A session for queries; anything written in it is rolled back."""
    with Session(engine(), expire_on_commit=False) as session:
        yield session


@contextmanager
def writing() -> Iterator[Session]:
    """A session that commits when the block ends and rolls back when it raises."""
    writer = engine().execution_options(writes=True)
    with Session(writer, expire_on_commit=False) as session, session.begin():
        yield session


def now(session: Session) -> float:
    """Seconds since the epoch by the database's clock, so that hosts need not agree on theirs."""
    if session.get_bind().dialect.name == "sqlite":
        moment = session.execute(text("SELECT (julianday('now') - 2440587.5) * 86400.0"))
    else:
        moment = session.execute(text("SELECT extract(epoch FROM clock_timestamp())"))
    return float(moment.scalar_one())


def new_id(prefix: str) -> str:
    """An unguessable identifier such as `doc_5f0c…` (80 random bits)."""
    return f"{prefix}_{secrets.token_hex(10)}"


def migrate() -> None:
    """Bring the schema to the newest revision. Safe to call at every start."""
    with engine().execution_options(writes=True).begin() as connection:
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_schema() -> None:
    """Raise `SchemaOutdated` unless the schema is the one this code was written for."""
    if not schema_fits():
        raise SchemaOutdated


def schema_fits() -> bool:
    """Whether the schema is the one this code was written for: neither older nor newer."""
    with engine().connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == _newest()


@cache
def _newest() -> str | None:
    return ScriptDirectory.from_config(_alembic()).get_current_head()


def truncate_log() -> None:
    """Empty SQLite's write-ahead log, which keeps what was deleted until it is overwritten."""
    if engine().dialect.name == "sqlite":
        connection = engine().raw_connection()  # a checkpoint can't run inside a transaction
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()


def is_full(error: DBAPIError) -> bool:
    """Whether the database had no room for what should have been written."""
    cause = error.orig
    sqlite, postgres = getattr(cause, "sqlite_errorcode", 0), getattr(cause, "sqlstate", "")
    return sqlite == SQLITE_FULL or postgres == POSTGRES_FULL


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _configure_sqlite(connection: SqliteConnection, _record: object) -> None:
    # Transactions are begun by us: pysqlite's own BEGIN can't be IMMEDIATE.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        f"mmap_size = {MAPPED_BYTES}",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
