"""What rounds keep of their settings holds no password: earlier versions kept the database's URL as it was."""

import json

import sqlalchemy as sa
from alembic import op

from askance.vocab.secrets import masked, masked_url

revision = "0004"
down_revision = "0003"

rounds = sa.table("rounds", sa.column("number", sa.Integer), sa.column("config", sa.Text))


def upgrade() -> None:
    connection = op.get_bind()
    for number, config in connection.execute(sa.select(rounds.c.number, rounds.c.config)).all():
        clean = without_passwords(config)
        if clean != config:
            connection.execute(sa.update(rounds).where(rounds.c.number == number).values(config=clean))


def without_passwords(config: str) -> str:
    try:
        kept = json.loads(config)
        settings = kept["settings"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return config  # nothing of ours; `askance doctor` says so
    if not isinstance(settings, dict):
        return config
    if isinstance(settings.get("store"), str):
        settings["store"] = masked_url(settings["store"])
    pool = settings.get("pool")
    if isinstance(pool, dict) and isinstance(pool.get("source"), str):
        pool["source"] = masked(pool["source"])
    return json.dumps(kept)
