"""Documents carry tags, which searches can be narrowed to."""

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Nothing carries one yet."""
    op.add_column(
        "documents", sa.Column("tags", sa.String(), nullable=False, server_default=sa.text("''"))
    )


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("documents", "tags")
