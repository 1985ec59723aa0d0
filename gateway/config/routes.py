"""Which model endpoints an agent's file names, and when each answers: its `model`, `routes` and `classifier`."""

import re
from collections.abc import Collection
from typing import cast, get_args

from gateway.agent.definition import Classifier, Route, ToolNeed
from gateway.config.reader import Section
from toolward.names import closest

MOST_NAMES = 8
MOST_ROUTES = 32
MOST_LABELS = 16
MOST_LABEL = 500
"""Characters of what a label is for."""

MOST_TOKENS = 10**9
MOST_TURNS = 1_000

_NEEDS = tuple(need for need in get_args(ToolNeed) if need)
_WHEN = ("least_tokens", "most_tokens", "first_turn", "last_turn", "tools", "labels")


class Endpoints:
    """The names of endpoints that an agent may use; of any, where `known` is None."""

    def __init__(self, known: Collection[str] | None) -> None:
        self._known = known

    def named(self, at: Section, key: str, default: str) -> tuple[str, ...]:
        """One name, or several in order of preference."""
        names = at.names(key, default)
        for name in dict.fromkeys(names):
            if self._known is not None and name not in self._known:
                near = closest(name, self._known)
                meant = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(self._known))}"
                at.wrong(key, f"names the model endpoint {name!r}, and there is none of that name; {meant}")
            elif names.count(name) > 1:
                at.wrong(key, f"names {name!r} more than once")
        if len(names) > MOST_NAMES:
            at.wrong(key, f"has {len(names)} names, and at most {MOST_NAMES} are taken")
        return names


def read_classifier(at: Section, endpoints: Endpoints) -> Classifier | None:
    if "classifier" not in at:
        return None
    at = at.section("classifier")
    at.only("model", "labels", "default")
    if "model" not in at:
        at.missing("model", "model: tiny")
    model, *others = endpoints.named(at, "model", "default")
    if others:
        at.wrong(
            "model", "names several; one endpoint classifies, and where it fails the default label holds"
        )
    labels = at.text_map("labels")
    for name, what in labels.items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name):
            at.wrong(
                "labels", f"has {name[:60]!r}; use a-z, 0-9, _ and -, at most 32 of them, a letter first"
            )
        elif not what or len(what) > MOST_LABEL:
            at.wrong("labels", f"must say what {name!r} is for, in at most {MOST_LABEL} characters")
    if not 2 <= len(labels) <= MOST_LABELS:
        at.wrong(
            "labels", f"must be 2 to {MOST_LABELS}, each with what it is for, as in easy: looks one thing up"
        )
    default = at.text("default")
    if default and default not in labels:
        at.wrong("default", f"is {default[:60]!r}, which is none of its labels ({', '.join(labels)})")
    return Classifier(model, labels or {"any": "anything"}, default)


def read_routes(at: Section, endpoints: Endpoints, classifier: Classifier | None) -> tuple[Route, ...]:
    found: list[Route] = []
    always = False
    for index, one in enumerate(at.sections("routes")):
        if always:
            at.wrong_item("routes", index, "is never reached: the one before it fits always; put that last")
        found.append(_route(one, endpoints, classifier))
        always = not any(key in one for key in _WHEN)
    if len(found) > MOST_ROUTES:
        at.wrong("routes", f"are {len(found)}, and at most {MOST_ROUTES} are taken")
    if classifier is not None and not any(route.labels for route in found):
        at.wrong("classifier", "decides nothing: no route has `labels`; write one, or remove it")
    return tuple(found)


def _route(at: Section, endpoints: Endpoints, classifier: Classifier | None) -> Route:
    at.only("model", *_WHEN)
    if "model" not in at:
        at.missing("model", "model: [strong, other]")
    tools = at.one_of("tools", *_NEEDS) if "tools" in at else ""
    return Route(
        model=endpoints.named(at, "model", "default"),
        least_tokens=at.count("least_tokens", 0, least=0, most=MOST_TOKENS),
        most_tokens=_upper(at, "most_tokens", "least_tokens", MOST_TOKENS),
        first_turn=at.count("first_turn", 0, least=0, most=MOST_TURNS),
        last_turn=_upper(at, "last_turn", "first_turn", MOST_TURNS),
        tools=cast(ToolNeed, tools),
        labels=_labels(at, classifier),
    )


def _upper(at: Section, key: str, lower: str, most: int) -> int:
    value = at.count(key, 0, least=0, most=most)
    least = at.raw(lower)
    if value and isinstance(least, int) and least > value:
        at.wrong(key, f"is {value:,}, below {lower} ({least:,}), so that no turn fits")
    return value


def _labels(at: Section, classifier: Classifier | None) -> tuple[str, ...]:
    labels = at.texts("labels")
    if "labels" in at and classifier is None:
        at.wrong("labels", "are those of a classifier, and the agent has none; write `classifier`")
        return labels
    if "labels" in at and not labels:
        at.wrong("labels", "is empty, so that no turn fits; name one, or leave it out")
    for index, label in enumerate(labels):
        if classifier is not None and label not in classifier.labels:
            near = closest(label, classifier.labels)
            meant = f"did you mean {near!r}?" if near else f"it has {', '.join(classifier.labels)}"
            at.wrong_item("labels", index, f"is {label[:60]!r}, no label of the classifier; {meant}")
    return labels
