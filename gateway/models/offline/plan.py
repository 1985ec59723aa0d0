"""From a request to steps: one for each clause that asks for something, after the look-ups that it needs."""

from typing import NamedTuple

from gateway.models.offline.fill import SHARE, Task, Tool
from gateway.models.offline.words import READING, SERVING, Clause, read_clauses, stems, values

BEST_HIT = "_best"  # ends the key of a step that fetches the best hit of a search whole
_MOST_STEPS = 12


class Step(NamedTuple):
    key: str  # ends the id of its call, so that every turn knows which steps were made
    clause: Clause
    tool: Tool | None
    problem: str = "none of the offered tools does that"  # where there is no tool


def make_plan(text: str, tools: list[Tool]) -> list[Step]:
    """Depends on the request and the tools alone, so every turn of a conversation makes the same plan."""
    clauses = read_clauses(text[:10_000], (tool.verb for tool in tools))  # more is not read
    asking = [one for one in clauses if one.verb or one.doubt] or clauses
    steps: dict[str, Step] = {}
    for number, clause in enumerate(asking, 1):
        for step in _steps(f"step{number}", clause, tools):
            if len(steps) == _MOST_STEPS:
                return [*steps.values(), Step("over", clause, None, f"I take {_MOST_STEPS} steps at once")]
            steps.setdefault(step.key, step)
    return list(steps.values())


def _steps(key: str, clause: Clause, tools: list[Tool]) -> list[Step]:
    """The step for a clause. What it lacks, the ids that were spoken of may give: they are looked up first."""
    step = _choose(key, clause, tools)
    if step.tool is None:
        return [step]
    arguments, missing = Task(clause, step.tool).fill()
    spoken_of = values(clause.plain if step.tool.changes else clause.text, "id")
    if step.tool.verb == "get":
        spoken_of = spoken_of or [one for one in arguments.values() if values(str(one), "id") == [one]]
        return [_look_up(one, tools) for one in spoken_of] or [step]
    if step.tool.verb == "search":
        return [step, *(Step(key + BEST_HIT, clause, one) for one in _fetching(step.tool, tools))]
    if clause.points_back:
        spoken_of = spoken_of or values(clause.before, "id")
    return [*(_look_up(one, tools) for one in spoken_of if missing and one not in arguments.values()), step]


def _fetching(search: Tool, tools: list[Tool]) -> list[Tool]:
    """What fetches a hit of this search whole."""
    return [one for one in tools if (one.server, one.verb, one.required) == (search.server, "fetch", ["id"])]


def _look_up(identifier: str, tools: list[Tool]) -> Step:
    text = f"look up {identifier}"
    return _choose(identifier, Clause(text, text, "look up", identifier, ""), tools)


def _choose(key: str, clause: Clause, tools: list[Tool]) -> Step:
    """Of the tools that serve the clause's verb: one whose required arguments are in sight goes first, then the one
    that suits the verb best, then, unless files are asked for, a search whose hits can be fetched, then the one
    with the most arguments found and words shared."""
    serving = SERVING.get(clause.verb, [])
    orders_change = bool(clause.verb) and not READING.intersection(serving)
    if clause.doubt and (orders_change or not (clause.verb or clause.text.endswith("?"))):
        return Step(key, clause, None, clause.doubt)
    if not clause.verb:
        serving = ["calculate", "get", "search"]
    if SHARE.search(clause.plain) and not orders_change:
        serving = ["calculate"]

    in_files = not {*stems("file")}.isdisjoint(stems(clause.rest))

    def points(tool: Tool) -> tuple[bool, int, bool, int]:
        arguments, missing = Task(clause, tool).fill()
        shared = len(tool.about.intersection(stems(clause.rest)))
        if shared and clause.points_back:
            missing = [name for name in missing if not name.endswith("_id")]  # a result may give it
        in_sight = not missing and bool(tool.required or shared)
        whole = tool.verb == "search" and not in_files and bool(_fetching(tool, tools))
        return in_sight, -[*serving, tool.verb].index(tool.verb), whole, shared + len(arguments)

    found = [tool for tool in tools if tool.verb in serving or (orders_change and tool.verb == clause.verb)]
    return Step(key, clause, max(found, key=points, default=None))
