"""What an agent is, as it lies in the logs of runs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agent.definition import AgentDefinition, Classifier, Limits, Route

OF_THE_FIRST_RELEASE = (
    b'{"name":"support","instructions":"Help.","title":"","description":"","tools":["crm.*"],"model":"%s",'
    b'"limits":{"turns":5,"calls":6},"people":["self"]}'
)

NAMES = st.lists(st.sampled_from(["cheap", "strong", "tiny", "long"]), min_size=1).map(tuple)
ROUTES = st.builds(
    Route,
    model=NAMES,
    least_tokens=st.integers(0, 10),
    tools=st.sampled_from(["", "offered", "none", "used", "unused"]),
    labels=st.sampled_from([(), ("easy",)]),
)
DEFINITIONS = st.builds(
    AgentDefinition,
    name=st.just("support"),
    instructions=st.just("Help."),
    model=NAMES | st.just("strong"),
    limits=st.builds(Limits, tokens=st.integers(0, 10**12), cost=st.integers(0, 10**15)),
    routes=st.lists(ROUTES, max_size=3).map(tuple),
    classifier=st.none() | st.just(Classifier("tiny", {"easy": "looks up", "hard": "weighs"})),
)


@pytest.mark.parametrize("model", ["default", "fast"])
def test_a_definition_of_the_first_release_is_read_and_says_what_it_said(model: str):
    read = msgspec.json.decode(OF_THE_FIRST_RELEASE % model.encode(), type=AgentDefinition)
    assert read.models == read.endpoints == (model,)
    limits = read.limits
    assert (limits.turns, limits.calls, limits.tokens, limits.cost, limits.seconds) == (5, 6, 0, 0, 0)
    assert (read.routes, read.classifier) == ((), None)


@given(DEFINITIONS)
def test_what_is_stored_is_read_again_the_same(definition: AgentDefinition):
    stored = msgspec.json.encode(msgspec.to_builtins(definition))
    assert msgspec.convert(msgspec.json.decode(stored), AgentDefinition) == definition


@given(DEFINITIONS)
def test_every_endpoint_is_named_once_the_first_choice_first(definition: AgentDefinition):
    names = definition.endpoints
    assert names[0] == definition.models[0]
    assert len(set(names)) == len(names)
    assert set(names) >= {*definition.models, *(name for route in definition.routes for name in route.model)}


def test_the_classifier_falls_back_to_its_first_label_or_to_the_one_that_is_named():
    labels = {"hard": "weighs", "easy": "looks up"}
    assert Classifier("tiny", labels).fallback == "hard"
    assert Classifier("tiny", labels, "easy").fallback == "easy"
