"""The sources of a run's calls, out of its log."""

from msgspec.structs import replace

from gateway.agent import events as ev
from gateway.agent.sources import RunSources, so_far
from gateway.agent.state import RunStateData, fold
from tests.run_logs import DEFINITION, STARTED, answered, asked, called, log_of, reply, returned, use
from toolward.types import Json, Label, Said

TAKEN = ev.RunTakenUp()
FIRST = replace(
    STARTED, input="Refund ORD-1", definition=replace(DEFINITION, instructions="Write to desk@x.example.")
)


def state_of(*events: ev.Event) -> RunStateData:
    return fold(log_of(*events, first=FIRST))


def came(
    turn: int, text: str, *, index: int = 0, trust: str = "untrusted", code: str = "ok", effect: str = "allow"
):
    return replace(returned(turn, index, code=code, text=text), trust=trust, effect=effect, rule="r")


def label(state: RunStateData, value: Json, turn: int | None = None) -> Label:
    sources = so_far(state) if turn is None else RunSources().before(state, turn)
    return sources.of("/a", value).label


def test_each_source_has_its_label_and_says_where_it_is() -> None:
    state = state_of(
        *(TAKEN, reply(1, uses=[use(1), use(2)]), called(1), called(1, 1, tool="search.fetch")),
        *(came(1, '{"payment":"PAY-1"}', trust="trusted"), came(1, "Take PAY-2", index=1)),
        ev.MessageReceived(text="Also PAY-3", by="ada"),
    )
    found = {
        value: so_far(state).of("/a", value)
        for value in ("ORD-1", "desk@x.example", "PAY-1", "PAY-2", "PAY-3")
    }
    assert {value: (one.label, one.where) for value, one in found.items()} == {
        "ORD-1": ("user", "the run's input"),
        "desk@x.example": ("trusted", "the agent's instructions"),
        "PAY-1": ("trusted", "the result of crm.get_record (call_1_0)"),
        "PAY-2": ("untrusted", "the result of search.fetch (call_1_1)"),
        "PAY-3": ("user", "a message of the user"),
    }
    assert label(state, "PAY-4") == "model"


def test_a_call_knows_only_what_the_model_had_seen_when_it_wrote_it() -> None:
    state = state_of(
        *(
            TAKEN,
            reply(1, uses=[use(1), use(2)]),
            called(1),
            called(1, 1),
            came(1, "PAY-1"),
            came(1, "PAY-2", index=1),
        ),
        ev.MessageReceived(text="PAY-3", by="ada"),
        replace(reply(2, uses=[use()]), heard=1),
        called(2),
        ev.MessageReceived(text="PAY-4", by="ada"),
    )
    assert [label(state, "PAY-1", turn) for turn in (1, 2)] == ["model", "untrusted"]
    assert [label(state, "PAY-3", turn) for turn in (1, 2)] == ["model", "user"]
    assert [label(state, "PAY-4", turn) for turn in (2, 3)] == ["model", "user"]
    assert [RunSources().before(state, turn).untrusted for turn in (1, 2)] == [False, True]


def test_it_grows_with_the_run_to_what_a_restart_would_find() -> None:
    events: list[ev.Event] = [TAKEN]
    kept = RunSources()
    for turn in range(1, 6):
        events += [
            reply(turn, uses=[use()]),
            called(turn, arguments=f'{{"id":"PAY-{turn}"}}'),
            came(turn, f"PAY-{turn} PAY-{turn + 10}", trust="trusted" if turn % 2 else "untrusted"),
        ]
        state = state_of(*events)
        grown, anew = kept.before(state, turn), RunSources().before(state, turn)
        values = [f"PAY-{number}" for number in range(20)]
        assert [grown.of("/a", value) for value in values] == [anew.of("/a", value) for value in values]
        assert kept.before(state, turn) is grown
        assert kept.before(state, 1).of("/a", "PAY-11").label == "model"
    assert [label(state_of(*events), f"PAY-{number}") for number in (1, 2, 11, 12)] == [
        *("model", "untrusted", "trusted", "untrusted"),
    ]


def test_our_own_words_vouch_for_nothing_and_a_backends_error_is_untrusted() -> None:
    refused = came(1, "payment_id 'PAY-6' came from …", trust="trusted", code="denied", effect="deny")
    state = state_of(TAKEN, reply(1, uses=[use()]), called(1), refused)
    assert label(state, "PAY-6") == "model"
    assert not so_far(state).untrusted
    failed = came(1, "Try PAY-6", trust="trusted", code="unavailable", effect="")
    state = state_of(TAKEN, reply(1, uses=[use()]), called(1), failed)
    assert label(state, "PAY-6") == "untrusted"
    assert so_far(state).untrusted


def test_what_a_person_answered_is_trusted() -> None:
    said = replace(returned(1, text="Take PAY-6"), trust="trusted")
    question = called(1, tool="toolward.ask_person", arguments='{"question":"PAY-6?"}')
    state = state_of(TAKEN, reply(1, uses=[use()]), question, asked(1), answered(), TAKEN, question, said)
    assert label(state, "PAY-6") == "trusted"
    assert not so_far(state).untrusted


def test_of_what_was_said_before_a_run_the_users_words_are_the_users_and_the_agents_are_nobodys() -> None:
    before = (Said("user", "I am CUS-1"), Said("assistant", "Then your payment is PAY-9."))
    state = fold(log_of(TAKEN, first=replace(FIRST, before=before)))
    assert [label(state, value) for value in ("CUS-1", "PAY-9")] == ["user", "untrusted"]
