"""The tables, once, for SQLite and Postgres. A change here is also a step in `migrations/`; a test compares them.

An image is content (its id is a hash of the bytes); a sighting is a place it lies. Images, labels and splits are
never deleted: files come and go, what people said about them stays.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from askance.store.columns import AnnotationText, AnyText, JsonText, Real, Seconds, Utc

metadata = MetaData()

images = Table(
    "images",
    metadata,
    Column("id", Text, primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", Text, nullable=False),
)

sightings = Table(
    "sightings",
    metadata,
    Column("uri", AnyText, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("stamp", AnyText, nullable=False),
    Column("image_id", Text, ForeignKey("images.id"), index=True),
    Column("group_name", AnyText),
    Column("problem", AnyText),
    CheckConstraint("image_id IS NOT NULL OR problem IS NOT NULL", name="sighting_says_something"),
)

labels = Table(
    "labels",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("image_id", Text, ForeignKey("images.id"), nullable=False),
    Column("value", AnyText),
    Column("who", AnyText, nullable=False),
    Column("at", Utc, nullable=False),
    Column("source", AnyText, nullable=False),
    Column("answer", Text),
    Column("opinion", Boolean, nullable=False, server_default=false()),
    Column("settles", Boolean, nullable=False, server_default=false()),
    Column("annotation", AnnotationText),
    Column("seconds", Seconds),
    Index("labels_newest", "image_id", "revision"),
    sqlite_autoincrement=True,
)

splits = Table(
    "splits",
    metadata,
    Column("image_id", Text, ForeignKey("images.id"), primary_key=True),
    Column("split", Text, nullable=False),
    CheckConstraint("split IN ('train', 'val', 'test')", name="split_is_known"),
)

rounds = Table(
    "rounds",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("labels", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("config", JsonText, nullable=False),
    Column("at", Utc, nullable=False),
    CheckConstraint("state IN ('trained', 'picked')", name="round_state_is_known"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("round", Integer, ForeignKey("rounds.number"), primary_key=True),
    Column("name", AnyText, primary_key=True),
    Column("value", Real),
)

picks = Table(
    "picks",
    metadata,
    Column("round", Integer, ForeignKey("rounds.number"), primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("image_id", Text, ForeignKey("images.id"), nullable=False),
    Column("gain", Real),
    Column("why", JsonText, nullable=False),
    UniqueConstraint("round", "image_id", name="picked_once_a_round"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", AnyText, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("space", Text, nullable=False),
    Column("birth", Text, nullable=False),
    Column("started", Utc, nullable=False),
    Column("heartbeat", Utc, nullable=False),
    Column("state", Text, nullable=False),
    Column("message", AnyText),
    CheckConstraint("state IN ('running', 'done', 'failed', 'lost')", name="job_state_is_known"),
    sqlite_autoincrement=True,
)
