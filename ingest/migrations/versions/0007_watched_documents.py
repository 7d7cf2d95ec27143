"""A watched file knows its document, so that its next content becomes a version of it."""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Files that were seen before have no document: their next content is a new one."""
    op.add_column("watched_files", sa.Column("document_id", sa.String(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("watched_files", "document_id")
