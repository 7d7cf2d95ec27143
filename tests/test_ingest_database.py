"""The schema that the migrations make is the one the tables describe."""

import io

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import ingest.tables
import workers.tables
from ingest import database
from ingest.errors import SchemaOutdated

DESCRIBED = {ingest.tables.DocumentRow.__tablename__, workers.tables.JobRow.__tablename__}


def test_the_migrations_make_what_the_tables_describe(data_folder: object) -> None:
    database.migrate()
    assert set(database.Table.metadata.tables) >= DESCRIBED
    with database.engine().connect() as connection:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            # A virtual table and its shadows: made by SQL, used by SQL.
            "include_name": lambda name, kind, _: not (name or "").startswith("chunk_words"),
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, database.Table.metadata) == []


def test_migrating_again_changes_nothing(migrated: object) -> None:
    database.migrate()
    database.require_schema()


def test_an_empty_database_is_outdated(data_folder: object) -> None:
    with pytest.raises(SchemaOutdated):
        database.require_schema()


def test_the_first_revision_can_be_taken_back(migrated: object) -> None:
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    with database.engine().execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(database.engine()).get_table_names() == ["alembic_version"]


def test_vectors_of_earlier_versions_become_a_first_generation(migrated: object) -> None:
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    was = (
        (
            "INSERT INTO collections (id, name, embedder, deleting, created_at) VALUES "
            "('col_1', 'One', 'mini:384:256', false, 1.0), ('col_2', 'Two', NULL, false, 1.0)"
        ),
        (
            "INSERT INTO documents (id, collection_id, name, media_type, status, "
            "current_version_id, created_at) VALUES "
            "('doc_1', 'col_1', 'a.txt', 'text/plain', 'ready', 'ver_1', 1.0)"
        ),
        (
            "INSERT INTO versions (id, document_id, number, sha256, size, empty_pages, created_at) "
            "VALUES ('ver_1', 'doc_1', 1, 'ab', 1, '', 1.0)"
        ),
        (
            "INSERT INTO chunks (id, version_id, ordinal, page, char_start, char_end, heading, "
            "embedding, indexed) VALUES ('chunk_1', 'ver_1', 0, 1, 0, 9, '', x'0102', true), "
            "('chunk_2', 'ver_1', 1, 1, 0, 9, '', x'0304', false), "
            "('chunk_3', 'ver_1', 2, 1, 0, 9, '', NULL, false)"
        ),
    )
    seen = "SELECT id, embedding, indexed FROM chunks ORDER BY id"
    with database.engine().execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0008")
        for statement in was:
            connection.exec_driver_sql(statement)
        before = connection.exec_driver_sql(seen).all()
        command.upgrade(config, "head")
        query = "SELECT id, collection_id, embedder, status FROM generations"
        assert connection.exec_driver_sql(query).all() == [
            ("col_1", "col_1", "mini:384:256", "serving")
        ]
        query = "SELECT chunk_id, generation_id, vector, indexed FROM embeddings ORDER BY chunk_id"
        assert connection.exec_driver_sql(query).all() == [
            ("chunk_1", "col_1", b"\x01\x02", 1),
            ("chunk_2", "col_1", b"\x03\x04", 0),
        ]
        command.downgrade(config, "0008")
        assert connection.exec_driver_sql(seen).all() == before
        (first, _) = connection.exec_driver_sql("SELECT embedder FROM collections").all()
        assert first == ("mini:384:256",)


def test_the_migrations_can_be_written_for_postgres(data_folder: object) -> None:
    """No server is asked: what is looked at is the SQL that one would be sent."""
    script = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": script}
    )
    folder = ScriptDirectory(str(database.MIGRATIONS))
    with Operations.context(context):
        for revision in reversed(list(folder.walk_revisions())):
            revision.module.upgrade()
    for table in database.Table.metadata.tables:
        assert f"CREATE TABLE {table} (" in script.getvalue()
    assert "BYTEA" in script.getvalue()
    assert "DOUBLE PRECISION" in script.getvalue()


def test_documents_that_were_there_get_the_words_of_their_names(migrated: object) -> None:
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    kept = "INSERT INTO {} VALUES ({})"
    with database.engine().execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0010")
        for table, values in (
            ("collections (id, name, deleting, created_at)", "'col', 'Reports', 0, 0"),
            (
                "documents (id, collection_id, name, media_type, status, created_at)",
                "'doc', 'col', 'Best-Buy_2021.pdf', 'application/pdf', 'ready', 0",
            ),
        ):
            connection.execute(text(kept.format(table, values)))
        command.upgrade(config, "head")
        words = connection.execute(text("SELECT word FROM name_words")).scalars().all()
    assert {"best", "buy", "2021"} <= set(words)
