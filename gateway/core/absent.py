"""What a policy names that is not there: tools and agents. It may come, so that is a warning and no mistake."""

from collections.abc import Iterator
from itertools import islice

from gateway.core.agent_tools import AGENTS, CANCEL_RUN, GET_RUN, SEND_MESSAGE
from gateway.core.catalog import Catalog
from gateway.core.globs import Globs, globs
from gateway.core.rules import Rule
from toolward.names import closest

_SUGGESTED_FROM = 500  # comparing names is slow, so a suggestion looks at no more
_NO_AGENTS = {GET_RUN, SEND_MESSAGE, CANCEL_RUN}
_AGENT = "agent:"


def warnings_of(rules: tuple[Rule, ...], catalog: Catalog) -> Iterator[str]:
    agents = _agents(catalog)
    for rule in rules:
        for pattern in rule.tools.patterns:
            if (said := _absent_tool(pattern, catalog)) is not None:
                where = rule.where(("tools",))
                yield f"{where}: the rule {rule.id} names {pattern}, and there is no such tool; {said}"
        for key, name in _named_agents(rule) if agents else ():
            if not globs((name,)).matches_any(agents):
                near = closest(name, agents)
                said = f"did you mean {near}?" if near else f"there are {', '.join(agents[:20])}"
                where = rule.where((key,))
                yield f"{where}: the rule {rule.id} names the agent {name}, and there is no such agent; {said}"


def _agents(catalog: Catalog) -> list[str]:
    """Their names; none where nobody told the catalog of them."""
    backend = catalog.backends.get(AGENTS)
    names = [tool.name.partition(".")[2] for tool in backend.tools] if backend else []
    return [name for name in names if name not in _NO_AGENTS]


def _named_agents(rule: Rule) -> Iterator[tuple[str, str]]:
    """The key that names it, and the pattern."""
    for label in rule.principals.patterns if rule.principals else ():
        if label.startswith(_AGENT):
            yield "principals", label.removeprefix(_AGENT)
    for name in rule.resource.get("agent", Globs(())).patterns:
        yield "resource", name


def _absent_tool(pattern: str, catalog: Catalog) -> str | None:
    """Why no tool matches a pattern; None where one does."""
    if catalog.position(pattern) is not None:
        return None
    if "*" in pattern and any(globs((pattern,)).matches(tool.name) for tool in catalog.tools):
        return None
    name = pattern.partition(".")[0]
    if (held := catalog.find_withheld(pattern)) is not None:
        return f"it is withheld: {held.reason}"
    if (backend := catalog.backends.get(name)) is None:
        near = closest(pattern, [tool.name for tool in islice(catalog.tools, _SUGGESTED_FROM)])
    elif backend.problem:
        return f"the backend {backend.complaint}"
    else:
        near = closest(pattern, [tool.name for tool in backend.tools[:_SUGGESTED_FROM]])
    return f"did you mean {near}?" if near else "the rule waits until there is one"
