"""A client is told that the resources of a gateway changed, and sees what there is then."""

from gateway.core.catalog import build_catalog
from gateway.core.policy import bind
from tests.unit.test_surface import ADA, EVERYTHING, House, offering
from toolward.client.mcp import McpClient
from toolward.doors.address import parse_address
from toolward.doors.entrance import Entrance
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.origin import Origins
from toolward.doors.serve import http_server
from toolward.offers import offers_of
from toolward.types import ServerInfo


async def test_a_change_of_resources_reaches_who_listens() -> None:
    house = House(EVERYTHING, offering("kb", "kb://a"))
    provider = Entrance().to(house.dispatch, "http")
    door = McpHttpDoor(provider, ServerInfo("gateway", "1"), lambda _headers: ADA, Origins())
    async with http_server(door, parse_address("127.0.0.1:0")) as port:
        async with McpClient(f"http://127.0.0.1:{port}/mcp") as client:
            resources = offers_of(client).resources
            assert resources is not None
            changes = client.watch()
            await anext(changes)  # it listens now
            catalog = build_catalog([offering("kb", "kb://b")])
            house.dispatch.replace(catalog, bind(house.dispatch.policy.policy, catalog))
            await anext(changes)
            listed = (await resources.list_resources(ADA)).resources
            assert [one.uri for one in listed] == ["kb://b"]
            await changes.aclose()
        await door.aclose()
