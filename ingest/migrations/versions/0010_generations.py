"""A collection's vectors come in generations, of one embedder each, and stand beside the chunks."""

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None

#: What there is becomes the first generation of its collection, and keeps its index in Chroma.
GENERATIONS = """
    INSERT INTO generations
        (id, collection_id, embedder, name, folder, dimensions, status, job_id, changed_at)
    SELECT id, id, embedder, embedder, '', 0, 'serving', NULL, created_at
    FROM collections WHERE embedder IS NOT NULL
"""
EMBEDDINGS = """
    INSERT INTO embeddings (chunk_id, generation_id, vector, indexed)
    SELECT chunks.id, generations.id, chunks.embedding, chunks.indexed
    FROM chunks
    JOIN versions ON versions.id = chunks.version_id
    JOIN documents ON documents.id = versions.document_id
    JOIN generations ON generations.collection_id = documents.collection_id
    WHERE chunks.embedding IS NOT NULL
"""
#: Back again goes what is searched. Of the rest nothing could tell whose vectors they are.
EMBEDDERS = """
    UPDATE collections SET embedder = (
        SELECT generations.embedder FROM generations
        WHERE generations.collection_id = collections.id AND generations.status = 'serving'
    )
"""
VECTORS = """
    UPDATE chunks SET embedding = (
        SELECT embeddings.vector FROM embeddings
        JOIN generations ON generations.id = embeddings.generation_id
        WHERE embeddings.chunk_id = chunks.id AND generations.status = 'serving'
    )
"""
INDEXED = """
    UPDATE chunks SET indexed = TRUE WHERE EXISTS (
        SELECT 1 FROM embeddings
        JOIN generations ON generations.id = embeddings.generation_id
        WHERE embeddings.chunk_id = chunks.id AND generations.status = 'serving'
        AND embeddings.indexed
    )
"""


def upgrade() -> None:
    """Move the vectors out of the chunks."""
    op.create_table(
        "generations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("collection_id", sa.String(), nullable=False),
        sa.Column("embedder", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["collections.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_generations_collection_id", "generations", ["collection_id"])
    op.create_index(
        "ix_generations_serving",
        "generations",
        ["collection_id"],
        unique=True,
        sqlite_where=sa.text("status = 'serving'"),
        postgresql_where=sa.text("status = 'serving'"),
    )
    op.create_table(
        "embeddings",
        sa.Column("chunk_id", sa.String(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("indexed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["chunk_id"], ["chunks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["generation_id"], ["generations.id"]),
        sa.PrimaryKeyConstraint("chunk_id", "generation_id"),
    )
    op.create_index("ix_embeddings_of_generation", "embeddings", ["generation_id", "indexed"])
    op.execute(GENERATIONS)
    op.execute(EMBEDDINGS)
    op.drop_index("ix_chunks_pending", "chunks")
    op.drop_column("chunks", "embedding")
    op.drop_column("chunks", "indexed")
    op.drop_column("collections", "embedder")
    op.add_column(
        "workers", sa.Column("embedder", sa.String(), nullable=False, server_default=sa.text("''"))
    )


def downgrade() -> None:
    """Move those that are searched back; a generation that is being made is lost."""
    op.drop_column("workers", "embedder")
    op.add_column("collections", sa.Column("embedder", sa.String(), nullable=True))
    op.add_column("chunks", sa.Column("embedding", sa.LargeBinary(), nullable=True))
    op.add_column(
        "chunks",
        sa.Column("indexed", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute(EMBEDDERS)
    op.execute(VECTORS)
    op.execute(INDEXED)
    op.create_index("ix_chunks_pending", "chunks", ["version_id", "indexed"])
    op.drop_table("embeddings")
    op.drop_table("generations")
