"""The first layout: customers with their address, products with one price, refunds by number."""

from alembic import op

from toolservers.crm.world.migrations.layout_1 import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    metadata.drop_all(op.get_bind())
