"""The whole world: addresses, prices, subscriptions, teams, versions, events. Every row of the first layout stays.

What the first layout did not know gets what it would have been: dates of packing and cancelling from those that
there were, numbers of shipments from their orders'.
"""

from typing import Any

from alembic import op
from sqlalchemy import Connection, MetaData, Table, select

from toolservers.crm.world.migrations import carrying, layout_1, layout_2

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    connection = op.get_bind()
    old = {table.name: _set_aside(connection, table) for table in layout_1.metadata.sorted_tables}
    layout_2.metadata.create_all(connection)
    before = {name: _rows(connection, table) for name, table in old.items()}
    for name, rows in carrying.carried(before).items():
        if rows:
            connection.execute(layout_2.metadata.tables[name].insert(), rows)
    for table in reversed(layout_1.metadata.sorted_tables):
        op.drop_table(f"old_{table.name}")


def downgrade() -> None:
    raise NotImplementedError("The first layout has no place for what this one holds.")


def _set_aside(connection: Connection, table: Table) -> Table:
    for index in table.indexes:  # their names are needed again
        index.drop(connection)
    op.rename_table(table.name, f"old_{table.name}")
    aside = MetaData()
    for other in layout_1.metadata.sorted_tables:
        other.to_metadata(aside, name=f"old_{other.name}")
    return aside.tables[f"old_{table.name}"]


def _rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]
