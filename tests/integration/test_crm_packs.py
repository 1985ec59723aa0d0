"""The packs: true worlds, the same everywhere, in either database."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests import postgres
from toolservers.crm.machines import MACHINES, statuses
from toolservers.crm.packs import generated
from toolservers.crm.references import TABLES
from toolservers.crm.storage.database import open_world
from toolservers.crm.truth import contradictions
from toolservers.crm.world.digest import digest
from toolservers.crm.world.tables import customers, messages, orders, products, tickets
from toolward.errors import ConfigurationError
from toolward.store import read_transaction, write_transaction

# Who changes a pack or a table writes the new one down. The names in support are those of mimesis 22.2.0.
DIGESTS = {
    "tiny": "f32d47991813144b28d846a5af69f4ae76c4181d64d9b8562209011d046581e7",
    "support": "e9bc7bc6ed20ef59672ff5f0ccb80ca8ca84b18a446c11e6f4db74e779dbda6c",
}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("pack", DIGESTS)
def test_a_pack_is_the_same_everywhere_and_contradicts_itself_nowhere(
    tmp_path: Path, pack: str, database: str
) -> None:
    engine = open_world(tmp_path / "crm.db" if database == "sqlite" else postgres.fresh(), pack, 0)
    with read_transaction(engine) as connection:
        assert digest(connection) == DIGESTS[pack]
        assert contradictions(connection) == []
    with write_transaction(engine) as connection:
        connection.execute(products.update().where(products.c.id == "PRD-7001").values(stock=0))
        assert digest(connection) != DIGESTS[pack]
    engine.dispose()


def test_support_has_what_a_support_desk_meets(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    engine = open_world(tmp_path / "crm.db", "support", 1, lambda done, total: told.append((done, total)))
    assert told[-1] == (1_000, 1_000)
    with read_transaction(engine) as connection:
        assert contradictions(connection) == []
        counts = [
            connection.scalar(select(func.count()).select_from(table))
            for table in (customers, orders, tickets)
        ]
        assert counts == [500, 1_000, 300]
        for kind in ("order", "shipment", "payment", "ticket", "subscription"):
            used = set(connection.scalars(select(TABLES[kind].c.status).distinct()))
            assert len(used) >= min(3, len(MACHINES[kind])), kind
            assert used <= set(statuses(kind))
        assert set(connection.scalars(select(orders.c.currency).distinct())) == {"EUR", "GBP"}
        countries = connection.scalar(select(func.count(orders.c.country.distinct())))
        assert countries is not None
        assert countries >= 8
        namesakes = select(customers.c.name).group_by(customers.c.name).having(func.count() > 1)
        assert connection.scalars(namesakes).first()
        bodies = connection.scalars(select(messages.c.body)).all()
        assert not [body for body in bodies if "{" in body or not body.strip()]
        assert digest(connection) != DIGESTS["support"]
    engine.dispose()


def test_an_unknown_pack_is_named_and_no_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no pack 'huge'") as caught:
        open_world(tmp_path / "crm.db", "huge", 0)
    assert caught.value.hint == "There are tiny, scenarios, support, large."
    assert not (tmp_path / "crm.db").exists()


def test_what_is_false_is_found(tmp_path: Path) -> None:
    engine = open_world(tmp_path / "crm.db", "tiny", 0)
    with write_transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE orders SET total_minor = total_minor + 1 WHERE id = 'ORD-1007'")
        connection.exec_driver_sql("UPDATE tickets SET customer_id = 'CUS-2001' WHERE id = 'TCK-3003'")
        connection.exec_driver_sql("UPDATE payments SET refunded_minor = 5 WHERE id = 'PAY-5001'")
        connection.exec_driver_sql(
            "UPDATE orders SET delivered_on = NULL, status = 'lost' WHERE id = 'ORD-1001'"
        )
        connection.exec_driver_sql("UPDATE counters SET last = 5 WHERE record_type = 'ticket'")
        connection.exec_driver_sql("UPDATE customers SET version = 7 WHERE id = 'CUS-2002'")
        connection.exec_driver_sql(
            "INSERT INTO returns (id, status, customer_id, order_id, reason, remedy, label_fee_minor, currency,"
            " opened_on, words) VALUES ('RET-7999', 'label_sent', 'CUS-2004', 'ORD-1007', 'damaged', 'refund', 0,"
            " 'EUR', '2026-11-13', '')"
        )
        connection.exec_driver_sql("INSERT INTO return_lines VALUES ('RET-7999', 1, 'PRD-7001', 2)")
        found = "\n".join(contradictions(connection))
    for named in (
        "ORD-1007: has a total", "TCK-3003: is of another customer", "PAY-5001: has refunds that are not",
        "ORD-1001: has a status that no order has", "TCK-3008: is beyond the counter",
        "CUS-2002: is a customer whose", "ORD-1007: sends back more",
    ):  # fmt: skip
        assert named in found
    engine.dispose()


def test_large_is_made_as_support_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its beginning: all of it takes most of a minute."""
    monkeypatch.setitem(generated.SIZES, "large", generated.Size(1_500, 3_000, 900, 900))
    first, again = (list(generated.batches("large", 3)) for _ in range(2))
    assert first == again
    assert [len(rows) for table, rows in first if table is orders] == [2_000, 1_000]
