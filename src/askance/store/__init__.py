"""Who said what and when: one schema on SQLAlchemy, SQLite by default, Postgres by URL. No torch."""

from askance.store.beginnings import MAKING
from askance.store.engine import parse, under
from askance.store.jobs import Job
from askance.store.labels import Added
from askance.store.store import Store

__all__ = ["MAKING", "Added", "Job", "Store", "parse", "under"]
