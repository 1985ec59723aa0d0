"""*Why*: a call, and how the rules came to what they say of it."""

from starlette.responses import Response

from gateway.oversight.policies import Why
from gateway.servers.console.parts import Parts
from gateway.servers.console.policies.asked import asked
from gateway.servers.console.visits import Shown, Visit
from toolward.errors import InvalidRequest, NotFound, ToolwardError, Unavailable


def why_page(parts: Parts) -> Shown:
    policies = parts.oversight.policies

    async def why(visit: Visit) -> Response:
        fields = asked(visit.query.get)
        found: Why | None = None
        problem: ToolwardError | None = None
        try:
            if (about := fields.about(policies, visit)) is not None:
                found = await policies.why(visit.principal, about)
        except (InvalidRequest, NotFound, Unavailable) as error:
            if fields.call or fields.request:
                raise
            problem = error  # said above the form, which keeps what was written
        tools = await parts.tools.list_tools(visit.principal)
        return parts.pages.render(
            visit,
            "policies/why.html",
            here="policies",
            found=found,
            fields=fields,
            problem=problem,
            tools=[tool.name for tool in tools.tools],
        )

    return Shown("/policies/why", why)
