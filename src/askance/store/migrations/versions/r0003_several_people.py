"""Answers that are no class, and what several people say of one image."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("labels", sa.Column("answer", sa.Text))
    for name in ("opinion", "settles"):
        op.add_column("labels", sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()))
