"""The room *Runs*: the list, and one run as a tree with its waterfall, the step that is looked at, and what people
do with a run."""

from gateway.servers.console.parts import Parts
from gateway.servers.console.runs.controls import controls
from gateway.servers.console.runs.listing import lists
from gateway.servers.console.runs.live import news
from gateway.servers.console.runs.page import one_run
from gateway.servers.console.visits import Shown


def shown(parts: Parts) -> list[Shown]:
    return [*lists(parts), *one_run(parts), *news(parts), *controls(parts)]
