"""Words of documents' names have a table, and a collection's version leads to its document."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from ingest.profiles import name_words

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None

TOGETHER = 1_000  #: documents


def upgrade() -> None:
    """The documents that are there get their words."""
    made = op.create_table(
        "name_words",
        sa.Column("collection_id", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("collection_id", "word", "document_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_name_words_document_id", "name_words", ["document_id"])
    within = ["collection_id", "status", "current_version_id"]
    op.create_index("ix_documents_within", "documents", within)
    op.drop_index("ix_documents_collection_id", "documents")
    if not op.get_context().as_sql:
        _fill(made)


def _fill(made: sa.Table) -> None:
    there = sa.text("SELECT collection_id, id, name FROM documents")
    rows: list[dict[str, Any]] = [
        {"collection_id": collection_id, "word": word, "document_id": document_id}
        for collection_id, document_id, name in op.get_bind().execute(there).all()
        for word in name_words(name)
    ]
    for begin in range(0, len(rows), TOGETHER):
        op.bulk_insert(made, rows[begin : begin + TOGETHER])


def downgrade() -> None:
    """Forget both."""
    op.create_index("ix_documents_collection_id", "documents", ["collection_id"])
    op.drop_index("ix_documents_within", "documents")
    op.drop_table("name_words")
