"""The lexical index: an FTS5 table on SQLite, a `tsvector` column on Postgres."""

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the index's table."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE chunk_words USING fts5("
            "chunk_id UNINDEXED, scope, version, words, "
            "tokenize = \"porter unicode61 tokenchars '_'\")"
        )
        return
    op.execute(
        "CREATE TABLE chunk_words ("
        "chunk_id TEXT PRIMARY KEY, scope TEXT NOT NULL, version TEXT NOT NULL, "
        "words TSVECTOR NOT NULL)"
    )
    op.execute("CREATE INDEX ix_chunk_words_version ON chunk_words (version)")
    op.execute("CREATE INDEX ix_chunk_words ON chunk_words USING GIN (words)")
    op.execute("CREATE INDEX ix_chunk_words_scope ON chunk_words (scope)")


def downgrade() -> None:
    """Drop the index's table."""
    op.execute("DROP TABLE chunk_words")
