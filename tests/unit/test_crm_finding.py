"""Lists of records: filters as they are written, sorting and paging, against what Python makes of the same rows."""

from collections.abc import Generator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from tests.unit.crm_worlds import filled, undone
from toolservers.crm.actor import Actor
from toolservers.crm.finding import Wanted, cursors, filters, find_records
from toolservers.crm.finding.cursors import Cursor
from toolservers.crm.finding.fields import field_of, fields_of
from toolservers.crm.finding.filters import Filter
from toolservers.crm.finding.words import MOST
from toolservers.crm.kinds import PREFIXES, RecordType
from toolservers.crm.packs.tiny import PACK
from toolservers.crm.reading import get_record
from toolservers.crm.records import Found, Product
from toolservers.crm.references import TABLES, parse
from toolservers.crm.work import View
from toolservers.crm.world import clock
from toolservers.crm.world.tables import customers, fold, meetings, orders, prices, tickets, words
from toolward.errors import ToolError

TODAY = date(2026, 11, 16)
ADA = Actor("ada")
MARTA = Actor("CUS-2004", frozenset({"customer"}), "CUS-2004")
TYPES = tuple(PREFIXES)
FIELDS: list[tuple[RecordType, str]] = [
    (record_type, name) for record_type in TYPES for name in fields_of(record_type)
]
OWN_WORLD = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[Connection]:
    with filled(tmp_path_factory.mktemp("finding") / "crm.db", PACK) as connection:
        more(connection)
        yield connection


def more(connection: Connection) -> None:
    """What the demo lacks: instants, and texts that are alike or strange."""
    for number, at in enumerate(
        (datetime.fromisoformat("2026-03-29T00:30"), datetime.fromisoformat("2026-11-16T22:59"), None),
        start=1,
    ):
        row: dict[str, Any] = {
            "id": f"TCK-99{number}",
            "status": "open",
            "title": "ÅNGSTRÖM 100% _/'",
            "priority": "low",
        }
        row |= {
            "customer_id": "CUS-2004",
            "opened_on": TODAY,
            "answer_due_at": at,
            "words": words("angstrom"),
        }
        connection.execute(tickets.insert(), row)
        if at:
            invited = {
                "id": f"MTG-{number}",
                "status": "scheduled",
                "customer_id": "CUS-2008",
                "starts_at": at,
            }
            connection.execute(
                meetings.insert(), invited | {"minutes": 30, "purpose": "p", "invitation": "{}", "words": ""}
            )


def wanted(record_type: RecordType, **asked: Any) -> Wanted:
    plain = Wanted(record_type, "", None, None, [], "", [], 20, "")
    return plain._replace(**asked)


def ids(found: Found) -> list[str]:
    return [record.id for record in found.records]


def pages(view: View, asked: Wanted) -> list[str]:
    seen: list[str] = []
    while True:
        found = find_records(view, asked)
        seen += ids(found)
        if not found.next_cursor:
            return seen
        asked = asked._replace(cursor=found.next_cursor)


# Filters


def a_filter(record_type: RecordType, name: str) -> st.SearchStrategy[Filter]:
    field = field_of(record_type, name)
    days = st.dates(date(2023, 1, 1), date(2027, 1, 1))
    times = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    values: dict[str, st.SearchStrategy[Any]] = {
        "text": st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" \"'"), max_size=8),
        "choice": st.sampled_from(field.choices or ("",)),
        "id": st.integers(1, 9999).map(
            lambda n: f"{PREFIXES[field.names or 'order']}{n}" if field.names != "team" else "fraud"
        ),
        "day": days,
        "time": days | times,
        "number": st.integers(-5, 100),
        "money": st.integers(-5, 200_000),
        "flag": st.booleans(),
    }
    ordered = ("=", "!=", ">", ">=", "<", "<=")
    ops = {"text": (*ordered, "~")}.get(
        field.kind, ordered if field.kind in ("day", "time", "number", "money") else ordered[:2]
    )
    some = st.builds(Filter, st.just(field), st.sampled_from(ops), values[field.kind])
    if field.kind == "text":
        some = some.filter(lambda one: one.op != "~" or fold(str(one.value)).strip() != "")
    empty = st.builds(Filter, st.just(field), st.sampled_from(("=", "!=")), st.none())
    return some | empty if field.nullable or field.kind == "text" else some


@given(st.sampled_from(FIELDS).flatmap(lambda named: a_filter(named[0], named[1])))
def test_a_filter_reads_what_it_prints(asked: Filter) -> None:
    parts = filters.split(str(asked))
    assert filters.parse(asked.field, parts.op, parts.value, TODAY) == asked


@settings(max_examples=50)
@given(
    st.sampled_from(FIELDS),
    st.text(max_size=30) | st.sampled_from(["none", "today", '"', "''", "9" * 16, "0001-01-01"]),
    st.sampled_from(["", *"=<>~!", ">=", "<=", "!=", "==", "=~"]),
)
def test_whatever_is_written_as_a_filter_is_read_or_refused(
    named: tuple[RecordType, str], value: str, op: str
) -> None:
    record_type, name = named
    try:
        parts = filters.split(f"{name}{op}{value}")
        asked = filters.parse(field_of(record_type, parts.name), parts.op, parts.value, TODAY)
    except ToolError as refused:
        said = str(refused)
    else:
        said = str(asked)
        again = filters.split(said)
        assert filters.parse(asked.field, again.op, again.value, TODAY) == asked
    assert 0 < len(said) < 900


def fits(asked: Filter, value: Any) -> bool:
    """What a filter means, in Python."""
    want: Any = asked.value
    if want is None:
        return (value in (None, "")) == (asked.op == "=")
    if isinstance(value, datetime):
        instant = clock.aware(value)
        value = instant if isinstance(want, datetime) else clock.local(instant).date()
    if asked.op in ("=", "!="):
        return (value == want) == (asked.op == "=")
    if value is None:
        return False
    if asked.op == "~":
        return fold(str(want)) in fold(str(value))
    return {">": value > want, ">=": value >= want, "<": value < want, "<=": value <= want}[asked.op]


def values(connection: Connection, record_type: RecordType, name: str) -> dict[str, Any]:
    table = TABLES[record_type]
    return {
        row.id: row.value
        for row in connection.execute(select(table.c.id, field_of(record_type, name).column.label("value")))
    }


@OWN_WORLD
@given(st.data(), st.sampled_from(FIELDS))
def test_a_filter_finds_what_python_finds(
    world: Connection, data: st.DataObject, named: tuple[RecordType, str]
) -> None:
    record_type, name = named
    known = values(world, record_type, name)
    asked = data.draw(a_filter(record_type, name))
    if known and data.draw(st.booleans()):  # most values drawn are nobody's
        held = data.draw(st.sampled_from(list(known.values())))
        if held is not None:
            asked = asked._replace(value=clock.aware(held) if isinstance(held, datetime) else held)
    if asked.op == "~" and not fold(str(asked.value)).strip():
        return
    found = find_records(View(world, ADA), wanted(record_type, filters=[str(asked)], limit=100))
    assert set(ids(found)) == {one for one, value in known.items() if fits(asked, value)}
    assert found.total == len(found.records)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"filters": ["orderd_on>=2026-11-01"]}, "has no field 'orderd_on'. Did you mean ordered_on"),
        ({"filters": ["words~x"]}, "Its fields: id, status, customer_id"),
        ({"filters": ["total_minor>50.00"]}, "5000 is 50.00 EUR; '50.00' is not"),
        ({"filters": ["ordered_on>=16/11/2026"]}, "a day such as 2026-11-16, or today"),
        ({"filters": ["status=open"]}, "There are: placed, packed, shipped"),
        ({"filters": ["status>placed"]}, "status cannot be compared by >; use = !="),
        ({"filters": ["ordered_on~2026"]}, "cannot be compared by ~"),
        ({"filters": ["ordered_on=none"]}, "ordered_on is never none"),
        ({"filters": ["ordered_on"]}, "Write FIELD OP VALUE"),
        ({"filters": ["city~"]}, "city~word"),
        ({"filters": ["city=a\x00b"]}, "control characters"),
        ({"filters": ["customer_id=PAY-5007"]}, "type payment, not customer"),
        ({"filters": ["customer_id=nobody@example.org"]}, "There is no customer nobody@example.org"),
        ({"sort": "-total"}, "Did you mean total_minor"),
        ({"fields": ["password"]}, "has no field 'password'"),
        ({"query": " ".join("abcdefgh")}, f"at most {MOST} words"),
        ({"cursor": "nonsense!"}, "leave cursor out to begin anew"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_way_on(
    world: Connection, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(ToolError) as refused:
        find_records(View(world, ADA), wanted("order", **asked))
    assert said in str(refused.value)


def test_days_are_amsterdams_and_today_is_the_worlds(world: Connection) -> None:
    view = View(world, ADA)
    due = wanted("ticket", filters=["answer_due_at = today"])
    assert ids(find_records(view, due)) == ["TCK-992"]  # 22:59 in UTC is before midnight there, 23:00 is not
    summer = wanted("ticket", filters=["answer_due_at = 2026-03-29T01:30"], fields=["answer_due_at", "team"])
    (found,) = find_records(view, summer).records
    assert found.fields == {"answer_due_at": "2026-03-29T00:30:00Z", "team": None}


def test_fields_are_shown_as_what_they_are(world: Connection) -> None:
    asked = wanted(
        "order",
        query="ORD-1007",
        fields=["total_minor", "delivered_on", "version", "cancelled_on", "version"],
    )
    (found,) = find_records(View(world, ADA), asked).records
    assert found.fields == {
        "total_minor": {"amount_minor": 8480, "currency": "EUR", "display": "84.80 EUR"},
        "delivered_on": "2026-11-12",
        "version": 1,
        "cancelled_on": None,
    }


def test_a_product_without_a_price_in_euros_shows_another(world: Connection) -> None:
    with undone(world) as connection:
        connection.execute(prices.delete().where(prices.c.product_id == "PRD-7001"))
        other = {"product_id": "PRD-7001", "currency": "JPY", "amount_minor": 900}
        connection.execute(prices.insert(), other)
        view = View(connection, ADA)
        shown = get_record(view, "PRD-7001", None)
        assert isinstance(shown, Product)
        assert (shown.price.currency, shown.price.amount_minor, shown.other_prices) == ("JPY", 900, [])
        (listed,) = find_records(view, wanted("product", query="PRD-7001")).records
        assert listed.amount is None


# Sorting and paging


@OWN_WORLD
@given(st.sampled_from(FIELDS), st.booleans(), st.integers(1, 9))
def test_pages_are_sorted_as_python_sorts(
    world: Connection, named: tuple[RecordType, str], falling: bool, limit: int
) -> None:
    record_type, name = named
    known = values(world, record_type, name)
    there = sorted(one for one, value in known.items() if value is not None)
    there.sort(key=lambda one: known[one], reverse=falling)
    if falling:  # of equals, the smaller id still comes first
        there = [
            one
            for value in dict.fromkeys(known[one] for one in there)
            for one in sorted(there)
            if known[one] == value
        ]
    expected = there + sorted(one for one, value in known.items() if value is None)
    sort = f"-{name}" if falling else name
    assert pages(View(world, ADA), wanted(record_type, sort=sort, limit=limit)) == expected


def order_row(number: int, day: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": f"ORD-{number}",
        "status": "placed",
        "customer_id": "CUS-2004",
        "service": "standard",
    }
    row |= {
        "ordered_on": date(2026, 10, day),
        "promised_on": TODAY,
        "payment_method": "Visa",
        "shipping_minor": 0,
    }
    row |= {"total_minor": day, "currency": "EUR", "street": "", "postcode": "", "city": "", "country": ""}
    return row | {"words": f"ord-{number}", "delivered_on": date(2026, 11, day) if day % 3 else None}


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "change", "delete"]), st.integers(5000, 5030), st.integers(1, 9)),
    max_size=4,
)


@OWN_WORLD
@given(
    st.dictionaries(st.integers(5000, 5030), st.integers(1, 9), max_size=25),
    st.lists(STEPS, max_size=12),
    st.sampled_from(["", "ordered_on", "-delivered_on", "delivered_on", "-total_minor"]),
    st.integers(1, 7),
)
def test_what_is_there_throughout_is_seen_once(
    world: Connection, begun: dict[int, int], steps: list[list[tuple[str, int, int]]], sort: str, limit: int
) -> None:
    """While others are added, changed in other fields and deleted between the pages."""
    with undone(world) as connection:
        view, throughout = View(connection, ADA), set(begun)
        for number, day in begun.items():
            connection.execute(orders.insert(), order_row(number, day))
        there, seen, asked = (
            set(begun),
            list[str](),
            wanted("order", filters=["city="], sort=sort, limit=limit),
        )
        for changes in [*steps, *([[]] * 60)]:
            found = find_records(view, asked)
            seen += ids(found)
            if not found.next_cursor:
                break
            asked = asked._replace(cursor=found.next_cursor)
            for what, number, day in changes:
                own = orders.c.id == f"ORD-{number}"
                if what == "add" and number not in there:
                    connection.execute(orders.insert(), order_row(number, day))
                    there.add(number)
                elif what == "change":
                    connection.execute(orders.update().where(own).values(status="packed", street=str(day)))
                elif what == "delete":
                    connection.execute(orders.delete().where(own))
                    there.discard(number)
                    throughout.discard(number)
        assert len(seen) == len(set(seen)) or set(begun) - throughout  # what comes anew may be seen anew
        assert all(seen.count(f"ORD-{number}") == 1 for number in throughout)


KEYS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["2026-11-16", "\x00", "\ud800"])
)


@OWN_WORLD
@given(st.sampled_from(FIELDS), KEYS, st.text(max_size=8), st.booleans())
def test_a_cursor_that_somebody_made_leads_nowhere_bad(
    world: Connection, named: tuple[RecordType, str], key: Any, last: str, falling: bool
) -> None:
    record_type, name = named
    asked = wanted(record_type, sort=f"-{name}" if falling else name)
    said = "cursor"
    try:
        made = cursors.written(Cursor(key, last), cursors.digest([*asked[:6], None]))
        find_records(View(world, ADA), asked._replace(cursor=made))
    except UnicodeEncodeError:
        assert "\ud800" in f"{key}{last}"  # which no JSON text of a call holds
    except ToolError as refused:
        said = str(refused)
    assert "cursor" in said


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ToolError, match="is none that find_records gave"):
        cursors.read(text, "")


def test_a_cursor_is_known_from_that_of_another_query_and_from_a_changed_one(world: Connection) -> None:
    view, asked = View(world, ADA), wanted("order", limit=3)
    cursor = find_records(view, asked).next_cursor
    for other in (
        {"query": "set"},
        {"sort": "id"},
        {"status": "placed"},
        {"filters": ["city!=x"]},
        {"customer_id": "CUS-2004"},
    ):
        with pytest.raises(ToolError, match="belongs to another query"):
            find_records(view, asked._replace(cursor=cursor, **other))
    with pytest.raises(ToolError, match="belongs to another query"):
        find_records(View(world, MARTA), asked._replace(cursor=cursor))
    for changed in (
        cursor[:-2],
        cursor[:9] + ("a" if cursor[9] != "a" else "b") + cursor[10:],
        cursor + "AAAA",
    ):
        with pytest.raises(ToolError, match="is none that find_records gave"):
            find_records(view, asked._replace(cursor=changed))


def test_a_cursor_holds_the_longest_text_that_is_sorted_by(world: Connection) -> None:
    with undone(world) as connection:
        for number in (1, 2, 3):
            row = {
                "id": f"CUS-{number}",
                "status": "active",
                "name": "\U0001f33f" * 500,
                "email": f"{number}@x",
                "words": "",
            }
            connection.execute(customers.insert(), row | {"language": "en", "customer_since": TODAY})
        asked = wanted("customer", sort="-name", limit=1)
        cursor = find_records(View(connection, ADA), asked).next_cursor
        assert len(cursor) <= 1_000
        assert pages(View(connection, ADA), asked)[:3] == ["CUS-1", "CUS-2", "CUS-3"]


def test_no_more_than_ten_thousand_are_counted(world: Connection) -> None:
    with undone(world) as connection:
        connection.execute(orders.insert(), [order_row(number, 1) for number in range(20_000, 30_001)])
        found = find_records(View(connection, ADA), wanted("order", filters=["city="], limit=1))
        assert (found.total, found.note) == (
            10_000,
            "More than 10,000 fit: total counts no further. Filter more.",
        )


# Names


@given(
    st.text(max_size=40)
    | st.sampled_from(["https://[x/", "http://a/%zz", "https://x/?" + "a&" * 60, "<@>", "١٢٣"]),
    st.none() | st.sampled_from(TYPES),
)
def test_whatever_is_given_as_a_name_is_read_or_refused(text: str, expected: RecordType | None) -> None:
    for given_ in (text, f"https://fernhill.example/{text}"):
        try:
            reference = parse(given_, expected)
        except ToolError:
            continue
        assert expected in (None, reference.record_type)
        assert len(reference.value) < 300
        assert "\x00" not in reference.value


@pytest.mark.parametrize(
    ("missing", "near"),
    [
        ("ORD-1107", "ORD-1017"), ("ORD-107", "ORD-1007"), ("ORD-10077", "ORD-1007"), ("ORD-1077", "ORD-1017"),
        ("PRD-1", "PRD-7001"), ("CUS-2904", "CUS-2004"),
    ],
)  # fmt: skip
def test_one_slip_of_the_fingers_is_recognised(world: Connection, missing: str, near: str) -> None:
    with pytest.raises(ToolError, match=rf"The nearest: .*{near}"):
        View(world, ADA).row(missing)


def test_a_parcel_is_named_by_its_tracking_number(world: Connection) -> None:
    view = View(world, ADA)
    tracking = view.row("SHP-6007")["tracking"]
    assert view.row(tracking.lower())["id"] == "SHP-6007"
    assert ids(find_records(view, wanted("shipment", query=tracking))) == ["SHP-6007"]


@pytest.mark.parametrize("record_type", TYPES)
def test_both_databases_answer_alike(
    world: Connection, elsewhere: Connection, record_type: RecordType
) -> None:
    for number, (name, field) in enumerate(fields_of(record_type).items()):
        asked = wanted(record_type, sort=f"-{name}" if field.nullable else name, limit=25, fields=[name])
        if field.kind == "text" or number % 3 == 0:  # texts are what two databases sort differently
            assert pages(View(elsewhere, ADA), asked) == pages(View(world, ADA), asked)
        tried = {"text": "~Ö", "flag": "!=yes", "id": "!=fraud" if field.names == "team" else "=1007"}
        tried |= {"time": "<=2026-11-16T23:59", "number": "!=5", "money": ">5", "day": "!=today"}
        text = f"={field.choices[0]}" if field.choices else tried[field.kind]
        asked = wanted(record_type, filters=[f"{name}{text}"], limit=100)
        assert find_records(View(elsewhere, ADA), asked) == find_records(View(world, ADA), asked)
    for query in ("marta", "weber ORD-1004", "a e", "PRD-7001", "j.weber@example.net", "scale"):
        asked = wanted(record_type, query=query, limit=100)
        assert find_records(View(elsewhere, ADA), asked) == find_records(View(world, ADA), asked)


@pytest.fixture(scope="module")
def elsewhere() -> Generator[Connection]:
    """The same world in PostgreSQL."""
    from sqlalchemy import create_engine

    from tests import postgres
    from toolservers.crm.packs.pack import rows
    from toolservers.crm.world.tables import metadata

    engine = create_engine(postgres.fresh().replace("postgresql://", "postgresql+psycopg://"))
    metadata.create_all(engine)
    with engine.connect() as connection:
        for table, content in rows(PACK):
            if content:
                connection.execute(table.insert(), content)
        more(connection)
        yield connection
        connection.rollback()
    engine.dispose()
