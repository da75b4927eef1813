"""The tables, once, for SQLite and Postgres. A change here is also a step in `migrations/`; a test compares them.

An image is content (its id is a hash of the bytes); a sighting is a place it lies. Images, labels and splits are
never deleted: files come and go, what people said about them stays.
"""

from typing import get_args

from sqlalchemy import (
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

from askance.store.columns import AnnotationText, AnyText, JsonText, Real, Seconds, Utc, Whole, Word
from askance.vocab import ANSWERS, RoundState, Split

metadata = MetaData()

images = Table(
    "images",
    metadata,
    Column("id", Text, primary_key=True),
    Column("width", Whole(1), nullable=False),
    Column("height", Whole(1), nullable=False),
    Column("format", Text, nullable=False),
)

sightings = Table(
    "sightings",
    metadata,
    Column("uri", AnyText, primary_key=True),
    Column("size", Whole(big=True), nullable=False),
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
    Column("image_id", Word(), ForeignKey("images.id"), nullable=False),
    Column("value", AnyText),
    Column("who", AnyText, nullable=False),
    Column("at", Utc, nullable=False),
    Column("source", AnyText, nullable=False),
    Column("answer", Word(tuple(ANSWERS))),
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
    Column("image_id", Word(), ForeignKey("images.id"), primary_key=True),
    Column("split", Word(get_args(Split)), nullable=False),
    CheckConstraint("split IN ('train', 'val', 'test')", name="split_is_known"),
)

rounds = Table(
    "rounds",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", Word(get_args(RoundState)), nullable=False),
    Column("labels", Whole(), nullable=False),
    Column("seed", Whole(None, big=True), nullable=False),
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
    Column("rank", Whole(), primary_key=True, autoincrement=False),
    Column("image_id", Word(), ForeignKey("images.id"), nullable=False),
    Column("gain", Real),
    Column("why", JsonText, nullable=False),
    UniqueConstraint("round", "image_id", name="picked_once_a_round"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", AnyText, nullable=False),
    Column("pid", Whole(), nullable=False),
    Column("host", AnyText, nullable=False),
    Column("space", AnyText, nullable=False),
    Column("birth", AnyText, nullable=False),
    Column("started", Utc, nullable=False),
    Column("heartbeat", Utc, nullable=False),
    Column("state", Word(("running", "done", "failed", "lost")), nullable=False),
    Column("message", AnyText),
    CheckConstraint("state IN ('running', 'done', 'failed', 'lost')", name="job_state_is_known"),
    sqlite_autoincrement=True,
)
