"""Workers say what they are, and steps which model they were done with."""

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Nothing is known of those that are there."""
    op.add_column("workers", sa.Column("about", sa.JSON(), nullable=True))
    op.add_column("steps", sa.Column("model", sa.String(), nullable=True))


def downgrade() -> None:
    """Drop both."""
    op.drop_column("steps", "model")
    op.drop_column("workers", "about")
