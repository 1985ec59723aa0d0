import base64
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from msgspec.structs import replace

from toolward.auth.on_behalf import LIFETIME, SKEW, OnBehalf, caller_of
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
    assert at(1).read(at(0).sign(caller)) == caller


@pytest.mark.parametrize("late", [-SKEW, LIFETIME + SKEW - 1])
def test_clocks_may_differ_a_little(late: float) -> None:
    assert at(late).read(at(0).sign(ADA)) == ADA


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
    for token in (
        f"{head}.{forged}.{signature}",
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
    assert at(0).read(jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, key)) == Principal("bo", (), "t")


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
