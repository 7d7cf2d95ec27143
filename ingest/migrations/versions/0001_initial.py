"""The first schema: the library (`ingest.tables`) and the job model (`workers.tables`).

Written out, not taken from the models: what a revision makes must not change when they do.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

TABLES = (
    "collections",
    "documents",
    "versions",
    "pages",
    "chunks",
    "jobs",
    "steps",
    "job_documents",
    "checkpoints",
    "workers",
    "conversations",
    "turns",
)


def upgrade() -> None:
    """Make every table, referenced ones first."""
    _collections_and_documents()
    _contents()
    _jobs()
    _steps()
    _workers()
    _conversations()


def downgrade() -> None:
    """Remove every table, referencing ones first; their indexes go with them."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _text(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=null)


def _whole(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=null)


def _real(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Double(), nullable=null)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _json(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(), nullable=null)


def _owned_by(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], ondelete="CASCADE")


def _collections_and_documents() -> None:
    op.create_table(
        "collections",
        _text("id"),
        _text("name"),
        _text("embedder", null=True),
        _flag("deleting"),
        _real("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "documents",
        _text("id"),
        _text("collection_id"),
        _text("name"),
        _text("media_type"),
        _text("status"),
        _text("error_code", null=True),
        _text("error_message", null=True),
        _text("current_version_id", null=True),
        _real("created_at"),
        sa.ForeignKeyConstraint(["collection_id"], ["collections.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_documents_collection_id", "documents", ["collection_id"])


def _contents() -> None:
    op.create_table(
        "versions",
        _text("id"),
        _text("document_id"),
        _whole("number"),
        _text("sha256"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        _whole("page_count", null=True),
        _whole("character_count", null=True),
        _text("empty_pages"),
        _real("created_at"),
        _owned_by("document_id", "documents"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("document_id", "number"),
    )
    op.create_index("ix_versions_sha256", "versions", ["sha256"])
    op.create_table(
        "pages",
        _text("version_id"),
        _whole("number"),
        _text("text"),
        _owned_by("version_id", "versions"),
        sa.PrimaryKeyConstraint("version_id", "number"),
    )
    op.create_table(
        "chunks",
        _text("id"),
        _text("version_id"),
        _whole("ordinal"),
        _whole("page"),
        _whole("char_start"),
        _whole("char_end"),
        _text("heading"),
        sa.Column("embedding", sa.LargeBinary(), nullable=True),
        _flag("indexed"),
        _owned_by("version_id", "versions"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("version_id", "ordinal"),
    )
    op.create_index("ix_chunks_pending", "chunks", ["version_id", "indexed"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        _text("id"),
        _text("kind"),
        _text("status"),
        _text("lane"),
        _whole("priority"),
        _text("collection_id", null=True),
        _text("document_id", null=True),
        _json("params"),
        _json("progress"),
        _json("result", null=True),
        _json("error", null=True),
        _real("created_at"),
        _real("started_at", null=True),
        _real("finished_at", null=True),
        _real("cancel_requested_at", null=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_jobs_open", "jobs", ["status", "lane", "priority", "created_at"])
    op.create_index("ix_jobs_collection_id", "jobs", ["collection_id"])
    op.create_index("ix_jobs_document_id", "jobs", ["document_id"])
    op.create_table(
        "job_documents",
        _text("job_id"),
        _text("document_id"),
        _owned_by("job_id", "jobs"),
        sa.PrimaryKeyConstraint("job_id", "document_id"),
    )
    op.create_index("ix_job_documents_document_id", "job_documents", ["document_id"])


def _steps() -> None:
    op.create_table(
        "steps",
        _text("id"),
        _text("job_id"),
        _text("kind"),
        _whole("ordinal"),
        _text("lane"),
        _text("status"),
        _json("input"),
        _json("output", null=True),
        _json("error", null=True),
        _whole("fence"),
        _whole("claims"),
        _whole("lost"),
        _whole("retries"),
        _text("lease_owner", null=True),
        _real("lease_until", null=True),
        _real("not_before"),
        _real("created_at"),
        _real("published_at", null=True),
        _real("started_at", null=True),
        _real("finished_at", null=True),
        _owned_by("job_id", "jobs"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_steps_open", "steps", ["status", "lane"])
    op.create_index("ix_steps_of_job", "steps", ["job_id", "kind", "ordinal"], unique=True)
    op.create_table(
        "checkpoints",
        _text("key"),
        _text("document_id"),
        _json("output"),
        _real("created_at"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_checkpoints_document_id", "checkpoints", ["document_id"])


def _workers() -> None:
    op.create_table(
        "workers",
        _text("id"),
        _text("host"),
        _whole("pid"),
        _real("process_started"),
        _text("model"),
        _whole("batch_slots"),
        _whole("interactive_slots"),
        _real("seen_at"),
        sa.PrimaryKeyConstraint("id"),
    )


def _conversations() -> None:
    op.create_table(
        "conversations",
        _text("id"),
        _text("collection_id"),
        _text("title"),
        _real("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_conversations_collection_id", "conversations", ["collection_id"])
    op.create_table(
        "turns",
        _text("job_id"),
        _text("conversation_id"),
        _text("question"),
        _text("answer", null=True),
        _flag("refused"),
        _real("created_at"),
        _owned_by("job_id", "jobs"),
        _owned_by("conversation_id", "conversations"),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index("ix_turns_order", "turns", ["conversation_id", "created_at"])
