"""What other tests say of SQLite is true of Postgres: the schema, words, filters, names."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import new_database, programs, server
from test_ingest_addressed import *  # noqa: F403 - the same tests
from test_ingest_database import (  # noqa: F401 - the same tests
    test_migrating_again_changes_nothing,
    test_the_migrations_make_what_the_tables_describe,
)
from test_ingest_words import *  # noqa: F403 - the same tests
from test_workers_filters import *  # noqa: F403 - the same tests

from ingest import database

MIGRATED = "migrated"  #: a database with the schema, which others are copied from

pytestmark = [
    pytest.mark.skipif(programs() is None, reason="Postgres is not installed"),
    pytest.mark.usefixtures("migrated"),
]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a server."""
    # Not pytest's folder, which the server's user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="lectern-postgres-"))
    folder.chmod(0o755)
    try:
        with server(folder) as url:
            empty = database.connect(new_database(url, MIGRATED))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(database, "engine", lambda: empty)
                database.migrate()
            empty.dispose()
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def data_folder(
    data_folder: Path, postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A database on the server with nothing but the schema."""
    monkeypatch.setenv("LECTERN_DATABASE_URL", new_database(postgres, tmp_path.name, MIGRATED))
    return data_folder
