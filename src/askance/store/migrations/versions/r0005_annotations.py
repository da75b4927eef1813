"""What is said of an image beyond one class, and how long it took to say."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("labels", sa.Column("annotation", sa.Text))
    op.add_column("labels", sa.Column("seconds", sa.Double))
