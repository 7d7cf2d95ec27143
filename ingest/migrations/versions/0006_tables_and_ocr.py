"""Chunks know the header row of their table, pages that were read by OCR where their lines are."""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add what documents that were read before can do without."""
    op.add_column(
        "chunks", sa.Column("context", sa.String(), nullable=False, server_default=sa.text("''"))
    )
    op.add_column("pages", sa.Column("layout", sa.JSON(), nullable=True))
    op.add_column(
        "versions",
        sa.Column("ocr_pages", sa.String(), nullable=False, server_default=sa.text("''")),
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_column("versions", "ocr_pages")
    op.drop_column("pages", "layout")
    op.drop_column("chunks", "context")
