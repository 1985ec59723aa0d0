"""One call, with all there is of it."""

import msgspec
from starlette.responses import Response

from gateway.oversight.calls import detail_of
from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Shown, Visit


def one_call(parts: Parts) -> list[Shown]:
    async def page(visit: Visit) -> Response:
        call = detail_of(await parts.oversight.calls.get(visit.principal, visit.path("id")))
        arguments = None if call.arguments is None else msgspec.json.decode(call.arguments)
        result = None if call.result is None else msgspec.json.decode(call.result)
        return parts.pages.render(
            visit, "calls/one.html", here="calls", call=call, arguments_value=arguments, result=result
        )

    async def as_json(visit: Visit) -> Response:
        call = detail_of(await parts.oversight.calls.get(visit.principal, visit.path("id")))
        return Response(msgspec.json.encode(call), media_type="application/json")

    return [Shown("/calls/{id}.json", as_json), Shown("/calls/{id}", page)]
