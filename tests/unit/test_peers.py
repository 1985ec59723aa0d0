"""What a gateway in front of this one may say of those for whom it calls."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from toolward.auth.on_behalf import OnBehalf, called_for, caller_of
from toolward.auth.peers import Peer, Peers
from toolward.errors import Unauthenticated
from toolward.types import CallContext, Principal

EAST, WEST = Principal("east", ("peer",), scopes=("crm.*",)), Principal("west")
KEYS = {"east": "e" * 40, "west": "w" * 40}
ADA = Principal("ada", ("support", "operator"), "acme")
PEERS = Peers(
    (Peer("east", KEYS["east"], ("acme",), ("support", "lead")), Peer("west", KEYS["west"], ("*",), ("*",)))
)


def said(principal: Principal, peer: str) -> CallContext:
    return CallContext(on_behalf_of=OnBehalf(KEYS[peer]).sign(principal))


def test_a_gateways_word_is_taken_within_its_bounds() -> None:
    assert caller_of(PEERS, WEST, said(ADA, "west")) == ADA
    assert caller_of(PEERS, EAST, said(ADA, "east")) == Principal("ada", ("support",), "acme", ("crm.*",))


@pytest.mark.parametrize(
    ("peer", "believed"),
    [(EAST, ("user:lea", "role:lead")), (WEST, ("user:lea", "role:lead", "role:finance"))],
)
def test_its_word_of_who_approved_a_call_is_taken_within_the_same_bounds(
    peer: Principal, believed: tuple[str, ...]
) -> None:
    token = OnBehalf(KEYS[peer.id]).sign(ADA, ("user:lea", "role:lead", "role:finance"))
    caller, context = called_for(PEERS, peer, CallContext(on_behalf_of=token))
    assert context.approved_by == believed
    assert not set(caller.roles) & {"lead", "finance"}


@pytest.mark.parametrize(
    ("peer", "context", "why"),
    [
        (
            EAST,
            lambda: said(replace(ADA, tenant="other"), "east"),
            "may not call for people of the tenant 'other'",
        ),
        (EAST, lambda: said(ADA, "west"), "not signed with this server's key"),
        (Principal("ada", ("operator",)), lambda: said(ADA, "east"), "ada is no gateway that may say that"),
        (Principal("ada"), lambda: CallContext(on_behalf_of="x"), "ada is no gateway that may say that"),
        (EAST, lambda: CallContext(on_behalf_of="x"), "not signed"),
    ],
)
def test_anything_else_is_refused_and_never_passed_over(
    peer: Principal, context: Callable[[], CallContext], why: str
) -> None:
    with pytest.raises(Unauthenticated, match=why):
        caller_of(PEERS, peer, context())


def test_a_gateway_sees_what_those_may_see_for_whom_it_calls() -> None:
    assert PEERS.seen_by(EAST) == replace(EAST, roles=("peer", "support", "lead"))
    assert PEERS.seen_by(WEST) == WEST
    assert PEERS.seen_by(ADA) == ADA
