import base64
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from msgspec.structs import replace

from toolward.auth.on_behalf import LIFETIME, SKEW, OnBehalf, called_for, caller_of
from toolward.errors import ConfigurationError, Unauthenticated
from toolward.types import NO_CONTEXT, CallContext, Principal

KEY = "a key of thirty-two characters ..."
ADA = Principal("ada", ("support", "lead"), "acme")
NOW = 1_800_000_000.0


def at(seconds: float, key: str = KEY) -> OnBehalf:
    return OnBehalf(key, lambda: NOW + seconds)


@pytest.mark.parametrize("scopes", [None, (), ("crm.*", "run.read")])
def test_a_server_reads_for_whom_its_gateway_calls_and_how_they_are_narrowed(
    scopes: tuple[str, ...] | None,
) -> None:
    caller = replace(ADA, scopes=scopes)
    assert at(1).read(at(0).sign(caller)) == (caller, ())


@pytest.mark.parametrize("late", [-SKEW, LIFETIME + SKEW - 1])
def test_clocks_may_differ_a_little(late: float) -> None:
    assert at(late).read(at(0).sign(ADA)).principal == ADA


@pytest.mark.parametrize("late", [-SKEW - 1, LIFETIME + SKEW])
def test_what_is_not_for_now_is_refused(late: float) -> None:
    with pytest.raises(Unauthenticated, match="not for now"):
        at(late).read(at(0).sign(ADA))


def test_another_servers_key_says_nothing_here() -> None:
    with pytest.raises(Unauthenticated, match="not signed with this server's key"):
        at(0).read(at(0, "another key of thirty-two characters").sign(ADA))


def test_no_part_of_it_can_be_changed() -> None:
    head, body, signature = at(0).sign(ADA).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "root"}).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    lent = json.dumps(claims | {"approved_by": ["role:lead"]}).encode()
    approved = base64.urlsafe_b64encode(lent).decode().rstrip("=")
    for token in (
        f"{head}.{forged}.{signature}",
        f"{head}.{approved}.{signature}",
        f"{none}.{forged}.",
        f"{head}.{body}.",
        body,
        "",
        "..",
        "\u00e9",
    ):
        with pytest.raises(Unauthenticated):
            at(0).read(token)


def test_it_is_a_jwt_that_other_libraries_make_and_read() -> None:
    key = OctKey.import_key(KEY)
    assert jwt.decode(at(0).sign(ADA), key, algorithms=["HS256"]).claims["sub"] == "ada"
    claims: dict[str, Any] = {
        "iss": "toolward",
        "sub": "bo",
        "roles": [],
        "tenant": "t",
        "iat": int(NOW),
        "exp": int(NOW) + 60,
    }
    assert at(0).read(jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, key)) == (
        Principal("bo", (), "t"),
        (),
    )
    for odd in (["lead"], ["tenant:default"], ["role:"], "role:lead", [1], None):
        with pytest.raises(Unauthenticated, match="cannot be read"):
            at(0).read(jwt.encode({"alg": "HS256", "typ": "JWT"}, claims | {"approved_by": odd}, key))


def test_a_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 32"):
        OnBehalf("short")


def test_a_word_that_cannot_be_checked_is_neither_taken_nor_passed_over() -> None:
    gateway = Principal("gateway")
    said = CallContext(on_behalf_of=at(0).sign(ADA))
    assert caller_of(at(0), gateway, said) == ADA
    assert caller_of(at(0), gateway, NO_CONTEXT) == gateway
    with pytest.raises(Unauthenticated, match="no key to check"):
        caller_of(None, gateway, said)


def test_who_approved_a_call_is_told_beside_its_caller_and_is_no_part_of_them() -> None:
    by = ("user:lea", "role:support-lead")
    said = CallContext(on_behalf_of=at(0).sign(ADA, by), timeout=3)
    assert at(1).read(said.on_behalf_of) == (ADA, by)
    caller, context = called_for(at(0), Principal("gateway"), said)
    assert caller == ADA
    assert (context.on_behalf_of, context.approved_by, context.timeout) == ("", by, 3)


def test_nobody_but_the_signed_word_says_that_a_call_was_approved() -> None:
    claimed = CallContext(approved_by=("role:lead",))
    assert called_for(at(0), ADA, claimed)[1].approved_by == ()
    assert called_for(None, ADA, claimed)[1].approved_by == ()
    said = replace(claimed, on_behalf_of=at(0).sign(ADA))
    assert called_for(at(0), ADA, said)[1].approved_by == ()
