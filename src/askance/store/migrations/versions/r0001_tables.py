"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    pool()
    said()
    loop()


def pool() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
    )
    op.create_table(
        "sightings",
        sa.Column("uri", sa.Text, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("stamp", sa.Text, nullable=False),
        sa.Column("image_id", sa.Text, sa.ForeignKey("images.id")),
        sa.Column("group_name", sa.Text),
        sa.Column("problem", sa.Text),
        sa.CheckConstraint("image_id IS NOT NULL OR problem IS NOT NULL", name="sighting_says_something"),
    )
    op.create_index("ix_sightings_image_id", "sightings", ["image_id"])


def said() -> None:
    op.create_table(
        "labels",
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("image_id", sa.Text, sa.ForeignKey("images.id"), nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("labels_newest", "labels", ["image_id", "revision"])
    op.create_table(
        "splits",
        sa.Column("image_id", sa.Text, sa.ForeignKey("images.id"), primary_key=True),
        sa.Column("split", sa.Text, nullable=False),
        sa.CheckConstraint("split IN ('train', 'val', 'test')", name="split_is_known"),
    )


def loop() -> None:
    op.create_table(
        "rounds",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("labels", sa.Integer, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.CheckConstraint("state IN ('trained', 'picked')", name="round_state_is_known"),
    )
    op.create_table(
        "metrics",
        sa.Column("round", sa.Integer, sa.ForeignKey("rounds.number"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Double),
    )
    op.create_table(
        "picks",
        sa.Column("round", sa.Integer, sa.ForeignKey("rounds.number"), primary_key=True),
        sa.Column("rank", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("image_id", sa.Text, sa.ForeignKey("images.id"), nullable=False),
        sa.Column("gain", sa.Double),
        sa.Column("why", sa.Text, nullable=False),
        sa.UniqueConstraint("round", "image_id", name="picked_once_a_round"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("birth", sa.Text, nullable=False),
        sa.Column("started", sa.DateTime, nullable=False),
        sa.Column("heartbeat", sa.DateTime, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("message", sa.Text),
        sa.CheckConstraint("state IN ('running', 'done', 'failed', 'lost')", name="job_state_is_known"),
        sqlite_autoincrement=True,
    )
