"""Which endpoint answers which turn: by routes where a round begins, the same one while it lasts."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.agent import events as ev
from gateway.agent.classifying import SHOWN, classifying, label_of
from gateway.agent.definition import AgentDefinition, Classifier, Route
from gateway.agent.routing import Asked, answering, endpoints_for, must_classify
from gateway.agent.state import RunStateData
from tests.run_logs import DEFINITION, STARTED, called, reply, returned, state_of, use
from toolward.types import RequestKind

LABELS = {"easy": "looks something up", "hard": "weighs rules, or changes something"}
TINY = Classifier("tiny", LABELS)
TAKEN = ev.RunTakenUp()
SMALL = Asked(100, tools_offered=True)

NAMES = st.lists(st.sampled_from(["cheap", "strong", "long"]), min_size=1, max_size=4).map(tuple)
ROUTES = st.builds(
    Route,
    model=NAMES,
    least_tokens=st.sampled_from([0, 50, 5_000]),
    most_tokens=st.sampled_from([0, 60, 6_000]),
    first_turn=st.sampled_from([0, 2]),
    last_turn=st.sampled_from([0, 1, 3]),
    tools=st.sampled_from(["", "offered", "none", "used", "unused"]),
    labels=st.sampled_from([(), ("easy",), ("hard", "easy")]),
)
AGENTS = st.builds(
    AgentDefinition,
    name=st.just("support"),
    instructions=st.just("Help."),
    model=NAMES | st.just("strong"),
    routes=st.lists(ROUTES, max_size=3).map(tuple),
    classifier=st.none() | st.just(TINY),
)
ASKED = st.builds(Asked, st.integers(0, 10_000), st.booleans())
STEPS = st.lists(st.sampled_from(["call", "answer", "wait", "pause"]), max_size=6)


def agent(*routes: Route, model: str | tuple[str, ...] = "strong") -> AgentDefinition:
    return replace(DEFINITION, model=model, routes=routes, classifier=TINY)


def wrote(text: str = "And now?") -> ev.MessageReceived:
    return ev.MessageReceived(text=text, by="ada")


def turn(step: str, endpoint: str, state: RunStateData) -> Sequence[ev.Event]:
    """One that calls a tool; that answers, and somebody goes on; that waits for a person, who goes on instead; or
    that its endpoint has paused."""
    number, heard = len(state.turns) + 1, len(state.items)
    if step == "pause" and state.asked:
        step = "call"
    if step in ("call", "wait"):
        said = replace(reply(number, uses=[use()], heard=heard), endpoint=endpoint)
        if step == "call":
            return said, called(number), returned(number)
        asked = ev.InputRequested(
            call_id=f"call_{number}_0",
            request_id=f"req_{number}",
            kind=RequestKind.APPROVAL,
            prompt="May it?",
        )
        return said, called(number), asked, wrote(), TAKEN
    said = replace(reply(number, "So far."), endpoint=endpoint, heard=heard)
    if step == "pause":
        return (replace(said, stop="paused"),)
    ended = () if state.asked else (ev.RunCompleted(answer="So far."),)
    return said, *ended, wrote(), TAKEN


def label_for(number: int) -> str:
    return ("easy", "hard", "")[number % 3]


@given(AGENTS, STEPS, st.lists(ASKED, min_size=7, max_size=7), st.integers(0, 3))
def test_a_round_is_ended_by_the_endpoint_that_began_it(
    agent: AgentDefinition, steps: Sequence[str], asked: Sequence[Asked], which: int
):
    log: list[ev.Event] = [TAKEN]
    mine = ""  # who has the round
    for number, step in enumerate([*steps, ""], 1):
        state = state_of(*log)
        label = label_for(number)
        names = endpoints_for(state, agent, asked[number - 1], label)
        assert names
        assert len(set(names)) == len(names)
        if mine:
            assert names == (mine,)
            assert not must_classify(state, agent, asked[number - 1])
        else:
            lists = [tuple(dict.fromkeys(one)) for one in (agent.models, *(r.model for r in agent.routes))]
            assert names in lists
        answered = names[which % len(names)]
        log += turn(step, answered, state) if step else ()
        mine = "" if step == "answer" else answered


@given(AGENTS, ASKED)
def test_a_label_decides_exactly_where_the_input_must_be_classified(agent: AgentDefinition, asked: Asked):
    state = state_of(TAKEN)
    chosen = {endpoints_for(state, agent, asked, label) for label in ("easy", "hard")}
    if agent.classifier is not None and not must_classify(state, agent, asked):
        assert len(chosen) == 1


ANSWERED = state_of(
    TAKEN, replace(reply(1, "Hello."), endpoint="a"), ev.RunCompleted(answer=""), wrote(), TAKEN
)
HAS_CALLED = state_of(
    TAKEN,
    replace(reply(1, uses=[use()]), endpoint="a"),
    called(1),
    returned(1),
    replace(reply(2, "Done."), endpoint="a"),
    ev.RunCompleted(answer="Done."),
    wrote(),
    TAKEN,
)
FRESH = state_of(TAKEN)


@pytest.mark.parametrize(
    ("route", "state", "asked", "fits"),
    [
        (Route(("b",)), FRESH, SMALL, True),
        (Route(("b",), least_tokens=100), FRESH, SMALL, True),
        (Route(("b",), least_tokens=101), FRESH, SMALL, False),
        (Route(("b",), most_tokens=100), FRESH, SMALL, True),
        (Route(("b",), most_tokens=99), FRESH, SMALL, False),
        (Route(("b",), last_turn=1), FRESH, SMALL, True),
        (Route(("b",), first_turn=2), FRESH, SMALL, False),
        (Route(("b",), first_turn=2, last_turn=2), ANSWERED, SMALL, True),
        (Route(("b",), last_turn=1), ANSWERED, SMALL, False),
        (Route(("b",), tools="offered"), FRESH, SMALL, True),
        (Route(("b",), tools="none"), FRESH, SMALL, False),
        (Route(("b",), tools="none"), FRESH, Asked(1, tools_offered=False), True),
        (Route(("b",), tools="used"), ANSWERED, SMALL, False),
        (Route(("b",), tools="used"), HAS_CALLED, SMALL, True),
        (Route(("b",), tools="unused"), HAS_CALLED, SMALL, False),
        (Route(("b",), tools="offered", least_tokens=101), FRESH, SMALL, False),
    ],
)
def test_a_route_fits_where_all_that_it_says_does(
    route: Route, state: RunStateData, asked: Asked, fits: bool
):
    assert endpoints_for(state, agent(route), asked) == (("b",) if fits else ("strong",))


def test_the_first_route_that_fits_decides_with_its_fallbacks_in_order():
    routed = agent(
        Route(("long", "strong"), least_tokens=50_000),
        Route(("cheap", "strong", "cheap"), labels=("easy",)),
        Route(("last",)),
    )
    assert endpoints_for(FRESH, routed, Asked(60_000, True), "easy") == ("long", "strong")
    assert endpoints_for(FRESH, routed, SMALL, "easy") == ("cheap", "strong")
    assert endpoints_for(FRESH, routed, SMALL, "hard") == ("last",)
    assert [must_classify(FRESH, routed, Asked(size, True)) for size in (60_000, 100)] == [False, True]


def test_the_log_of_an_older_toolward_names_no_endpoint_and_any_may_go_on():
    state = state_of(TAKEN, reply(1, uses=[use()]), called(1), returned(1))
    assert answering(state) == ""
    assert endpoints_for(state, agent(model=("a", "b")), SMALL) == ("a", "b")


# --- the classifier


def test_the_classifier_sees_what_was_written_now_and_what_the_labels_are_for():
    first = classifying(FRESH, TINY)
    assert first.messages[1].text == STARTED.input
    for name, what in LABELS.items():
        assert f"- {name}: {what}" in first.messages[0].text
    assert classifying(ANSWERED, TINY).messages[1].text == "And now?"
    both = state_of(wrote("Or ORD-2?"), TAKEN)
    assert classifying(both, TINY).messages[1].text == f"{STARTED.input}\n\nOr ORD-2?"
    assert not first.tools


def test_of_a_long_message_the_classifier_sees_the_beginning_and_the_end():
    state = state_of(wrote("x" * 10_000 + "ORD-9"), TAKEN)
    (_, shown) = classifying(state, TINY).messages
    assert len(shown.text) < SHOWN + 10
    assert shown.text.startswith(STARTED.input)
    assert shown.text.endswith("ORD-9")


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("hard", "hard"),
        (" Hard.\n", "hard"),
        ('"hard"', "hard"),
        ("**hard**", "hard"),
        ('{"sort": "hard"}', "hard"),
        ("It is a hard one", "hard"),
        ("hardly", "easy"),
        ("easy or hard", "easy"),
        ("", "easy"),
        ("medium", "easy"),
    ],
)
def test_the_label_is_what_is_named_alone_and_otherwise_the_fallback(said: str, label: str):
    assert label_of(said, TINY) == label


@given(st.text(), st.sampled_from(["", "easy", "hard"]))
def test_whatever_the_classifier_says_one_of_the_labels_comes_of_it(said: str, default: str):
    assert label_of(said, Classifier("tiny", LABELS, default)) in LABELS
