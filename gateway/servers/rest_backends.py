"""Backends over REST, as they are."""

from typing import Any

from fastapi import APIRouter, Response

from gateway.core.ports import Listing
from gateway.oversight.catalog import Health
from gateway.servers.openapi import describing
from gateway.servers.rest_bodies import answer
from gateway.servers.rest_route import routes
from toolward.types import Principal


def backend_routes(health: Health, who: Any) -> APIRouter:
    """`who` is the dependency that gives the caller."""
    router = routes("/v1/backends")

    @router.get("", responses=describing(tuple[Listing, ...], "backends"))
    async def list_backends(principal: Principal = who) -> Response:
        """What every backend says of itself: its tools, resources and prompts, before anything of it is withheld,
        or why it has none. For whom policy lets read all backends."""
        return answer({"backends": health.listings(principal)})

    return router
