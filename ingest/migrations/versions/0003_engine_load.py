"""A worker's heartbeat says what its engine has done and is doing."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the column; workers fill it with their next heartbeat."""
    op.add_column("workers", sa.Column("engine", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("workers", "engine")
