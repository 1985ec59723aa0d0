"""Who acts in the CRM: with their own roles, and for one call with those of whoever approved it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from toolservers.crm.actor import CUSTOMER, Actor, actor_of
from toolservers.crm.storage.database import Database
from toolward.errors import ToolError
from toolward.types import Principal

LEA = ("user:lea", "role:support-lead", "role:customer")
ADA = Principal("ada", ("support",))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[Database, None]:
    opened = await Database.open(tmp_path / "crm.db", "tiny", 0)
    yield opened
    await opened.close()


async def actor(world: Database, who: Principal, approved_by: tuple[str, ...] = ()) -> Actor:
    return await world.read(lambda connection: actor_of(connection, who, approved_by))


async def test_a_colleague_acts_with_the_roles_of_who_approved_the_call(world: Database) -> None:
    assert await actor(world, ADA) == Actor("ada", frozenset({"support"}))
    assert await actor(world, ADA, LEA) == Actor("ada", frozenset({"support", "support-lead"}))
    assert await actor(world, ADA, ("user:support-lead", "tenant:finance")) == await actor(world, ADA)


async def test_a_customer_stays_a_customer_whoever_approves(world: Database) -> None:
    customer = Principal("CUS-2004", (CUSTOMER,))
    own = await actor(world, customer)
    assert own.customer_id == "CUS-2004"
    assert await actor(world, customer, LEA) == own
    with pytest.raises(ToolError, match="is no customer here"):
        await actor(world, Principal("CUS-999999", (CUSTOMER,)), LEA)
