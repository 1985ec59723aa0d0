"""Run by alembic for `toolservers.crm.world.layout`, in the transaction of the connection that it gives."""

from alembic import context

from toolservers.crm.world.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
