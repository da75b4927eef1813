"""Alembic's entry: walk the steps on the connection and in the transaction of `askance.store.migrate`."""

from alembic import context

from askance.store.migrate import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
