"""A route of the REST door: who calls is asked before anything of the request's body is read. FastAPI itself reads
and parses it first, so that anybody could have kept everybody waiting."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute

from gateway.servers.rest_bodies import check_coding, whole
from toolward.json_bounds import is_too_much, too_much
from toolward.types import Principal

Prove = Callable[[Request], Awaitable[Principal]]
"""Raises Unauthenticated."""

_CALLER = "toolward.caller"


class ProvenRoute(APIRoute):
    """Knows who calls (`caller`), and takes no more than can be read without keeping others waiting."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            prove: Prove = request.app.state.prove
            request.scope[_CALLER] = await prove(request)
            if request.method != "GET":
                check_coding(request)
                if is_too_much(await whole(request)):
                    raise too_much("request")
            return await inner(request)

        return handle


def proven_by(app: FastAPI, prove: Prove) -> None:
    """Say to the routes of an application how it knows its callers."""
    app.state.prove = prove


async def caller(request: Request) -> Principal:
    """Who calls a ProvenRoute."""  # async, or FastAPI asks it in a thread
    found: Principal = request.scope[_CALLER]
    return found


def routes(prefix: str, route_class: type[ProvenRoute] = ProvenRoute) -> APIRouter:
    return APIRouter(prefix=prefix, route_class=route_class)
