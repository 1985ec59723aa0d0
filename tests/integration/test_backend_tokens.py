"""Access tokens for backends, had from a real authorization server over HTTP."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.backends.credentials import NoCredential, OAuthCredentials
from gateway.core.spec import OAuthSpec
from tests.integration.scripted_tools import ADA, failing
from tests.integration.token_server import ID, SECRET, Authority, authority, jwt
from toolward.auth.subject_tokens import SubjectTokens
from toolward.errors import ConfigurationError, Unauthenticated, Unavailable
from toolward.outbound.kept_token import COOLDOWN
from toolward.outbound.token_server import MAX_REPLY, TokenServer
from toolward.types import Principal

BO = Principal("bo", (), "acme")


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A backend's credentials, the server that they come from, and a clock."""

    def __init__(
        self, server: Authority, subjects: SubjectTokens, time: Time, credentials: OAuthCredentials
    ) -> None:
        self.server, self.subjects, self.time, self.credentials = server, subjects, time, credentials

    async def own(self) -> str:
        return (await self.credentials.own())["authorization"]

    async def of(self, principal: Principal) -> str:
        return (await self.credentials.of(principal))["authorization"]


@asynccontextmanager
async def house(**changed: Any) -> AsyncGenerator[House]:
    time = Time()
    subjects = SubjectTokens(clock=time)
    subjects.want(True)
    async with authority() as server:
        spec = OAuthSpec(token_url=server.url, client_id=ID, client_secret=SECRET)
        credentials = OAuthCredentials("crm", replace(spec, **changed), subjects, time)
        yield House(server, subjects, time, credentials)
        await credentials.aclose()


@pytest.mark.parametrize("auth", ["basic", "post"])
async def test_the_client_proves_itself_and_says_what_the_token_is_for(auth: str) -> None:
    wishes = {"scope": "read write", "audience": "crm", "resource": "https://crm.example/a?b=c"}
    async with house(auth=auth, **wishes) as it:
        assert await it.own() == "Bearer own-1"
        (form,) = it.server.forms
        proof = {"client_id": ID, "client_secret": SECRET} if auth == "post" else {}
        assert form == {"grant_type": "client_credentials", **wishes, **proof}


async def test_many_who_wait_share_one_request_and_the_token_is_kept() -> None:
    async with house() as it:
        found = await asyncio.gather(*(it.own() for _ in range(50)), *(it.of(ADA) for _ in range(50)))
        assert set(found) == {"Bearer own-1"}
        it.time.now += 3600 * 0.7
        assert await it.own() == "Bearer own-1"
        assert it.server.asked == 1


async def test_it_is_renewed_in_the_background_before_it_runs_out() -> None:
    async with house() as it:
        await it.own()
        it.time.now += 3600 * 0.8
        it.server.arrived.clear()
        it.server.open.clear()
        assert [await it.own() for _ in range(5)] == ["Bearer own-1"] * 5  # nobody waits
        await it.server.arrived.wait()
        it.server.open.set()
        await it.credentials.settled()
        assert (await it.own(), it.server.asked) == ("Bearer own-2", 2)


@pytest.mark.parametrize(
    ("lifetime", "kept"), [(None, 280), ("100", 85), (100.5, 85), (1, 0.85), (10**9, 80_000)]
)
async def test_it_is_kept_as_long_as_the_server_says_and_no_longer(lifetime: Any, kept: float) -> None:
    async with house() as it:
        it.server.lifetime = lifetime
        await it.own()
        it.server.raw, it.server.status = b"{}", 500  # it is not renewed
        it.time.now += kept
        assert await it.own() == "Bearer own-1"
        it.time.now += max(kept, COOLDOWN)
        assert isinstance(await failing(it.own()), NoCredential)


@pytest.mark.parametrize(
    ("status", "raw", "said"),
    [
        (401, b'{"error":"invalid_client","error_description":"s3cret"}', r"it refuses \(invalid_client\)"),
        (400, b'{"error":"s3cret: of+ours %&="}', "it answers with HTTP 400"),
        (500, b"<html>Oops</html>", "it answers with HTTP 500"),
        (302, b"", "it answers with HTTP 302"),
        (200, b"<html>Hello</html>", "it answers what is no token"),
        (200, b"\xff\xfe", "it answers what is no token"),
        (200, b'{"access_token":7,"token_type":"bearer"}', "it answers what is no token"),
        (200, b'{"access_token":"a","token_type":"mac"}', "no bearer token"),
        (200, b'{"access_token":"a\\r\\nx: y","token_type":"bearer"}', "that no header can hold"),
        (200, b'{"access_token":"","token_type":"bearer"}', "that no header can hold"),
        (200, b'{"access_token":"a","token_type":"bearer","expires_in":0}', "that has expired"),
        (200, b'{"access_token":"a","token_type":"bearer","expires_in":"soon"}', "how long its token is good"),
        (200, b'{"access_token":"a","token_type":"bearer","expires_in":NaN}', "it answers what is no token"),
        (200, b'{"access_token":"%b"}' % (b"a" * MAX_REPLY), "65,536 bytes"),
    ],
)  # fmt: skip
async def test_a_server_that_fails_is_named_with_its_reason_and_no_secret(
    status: int, raw: bytes, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with house() as it:
        it.server.status, it.server.raw = status, raw
        error = await failing(it.own())
        assert isinstance(error, NoCredential)
        assert re.search(said, error.message), error.message
        for text in (error.text, caplog.text):
            assert "s3cret" not in text
            assert "tenant=acme" not in text


async def test_after_a_failure_nobody_asks_again_for_a_while() -> None:
    async with house() as it:
        it.server.status, it.server.raw = 503, b""
        errors = [await failing(it.own()) for _ in range(20)]
        assert {error.message for error in errors} == {errors[0].message}
        assert errors[-1].retry_after == COOLDOWN
        assert it.server.asked == 1
        it.time.now += COOLDOWN
        it.server.raw = None
        assert await it.own() == "Bearer own-1"


async def test_while_it_cannot_be_renewed_the_old_one_is_used() -> None:
    async with house() as it:
        await it.own()
        it.server.status, it.server.raw = 503, b""
        for _ in range(10):
            it.time.now = 1000 + 3600 * 0.9
            assert await it.own() == "Bearer own-1"
        await it.credentials.aclose()
        assert it.server.asked <= 2


async def test_a_server_that_is_not_there_or_does_not_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolward.outbound.token_server.TIMEOUT", 0.05)
    async with house() as it:
        it.server.open.clear()
        error = await failing(it.own())
        assert isinstance(error, Unavailable)
        assert "did not answer within 0.05 s" in error.message
        it.server.open.set()
    error = await failing(it.own())
    assert "cannot be had from http://127.0.0.1" in error.message


async def test_a_refused_token_is_replaced_once_and_not_again_and_again() -> None:
    async with house() as it:
        first = await it.credentials.own()
        assert it.credentials.refused(None, first)
        assert it.credentials.refused(None, first)  # others who had it, too
        second = await it.credentials.own()
        assert second == {"authorization": "Bearer own-2"}
        assert it.credentials.refused(None, first)  # a late one
        assert not it.credentials.refused(None, second)  # it is not the token
        assert (await it.own(), it.server.asked) == ("Bearer own-2", 2)
        it.time.now += COOLDOWN
        assert it.credentials.refused(None, second)


async def test_a_callers_token_is_exchanged_for_that_caller_only() -> None:
    async with house(exchange=True, audience="crm") as it:
        it.server.subjects = {"adas", "bos"}
        it.subjects.keep(ADA, jwt("adas", it.time.now + 60))
        it.subjects.keep(BO, jwt("bos", it.time.now + 60))
        found = await asyncio.gather(*(it.of(one) for one in (ADA, BO) * 10))
        assert {text.rpartition("-")[0] for text in found} == {"Bearer for-adas", "Bearer for-bos"}
        assert it.server.asked == 2
        assert await it.own() == "Bearer own-3"  # listing is ours, whoever calls
        assert [form.get("audience") for form in it.server.forms] == ["crm"] * 3
        assert [form.get("subject_token") for form in it.server.forms] == [
            jwt("adas", 1060.0), jwt("bos", 1060.0), None,
        ]  # fmt: skip


async def test_a_newer_token_is_exchanged_anew_and_an_expired_one_not_at_all() -> None:
    async with house(exchange=True) as it:
        it.server.subjects = {"one", "two"}
        it.subjects.keep(ADA, jwt("one", it.time.now + 60))
        assert await it.of(ADA) == "Bearer for-one-1"
        it.subjects.keep(ADA, jwt("two", it.time.now + 120))
        assert await it.of(ADA) == "Bearer for-two-2"
        it.time.now += 120
        assert isinstance(await failing(it.of(ADA)), Unauthenticated)
        assert it.server.asked == 2


async def test_who_came_without_a_token_of_the_provider_is_told_so_and_nothing_is_sent() -> None:
    async with house(exchange=True) as it:
        it.subjects.keep(ADA, jwt("adas", it.time.now + 60))
        for other in (BO, replace(ADA, tenant="other")):
            error = await failing(it.of(other))
            assert isinstance(error, Unauthenticated)
            assert "a token of the identity provider" in error.message
        assert it.server.asked == 0


async def test_a_caller_whose_token_is_refused_keeps_no_other_from_the_backend() -> None:
    async with house(exchange=True) as it:
        it.server.subjects = {"bos"}
        it.subjects.keep(ADA, jwt("adas-secret-token", it.time.now + 60))
        it.subjects.keep(BO, jwt("bos", it.time.now + 60))
        error = await failing(it.of(ADA))
        assert isinstance(error, Unauthenticated)
        assert "(invalid_grant)" in error.message
        assert jwt("adas-secret-token", it.time.now + 60) not in error.text
        assert await it.of(BO) == "Bearer for-bos-1"


def test_subject_tokens_are_bounded_and_kept_only_where_somebody_wants_them() -> None:
    kept = SubjectTokens(most=2)
    kept.keep(ADA, jwt("a"))
    assert kept.find(ADA) == ""
    kept.want(True)
    for number in range(3):
        kept.keep(Principal(f"p{number}"), jwt("t"))
    assert [kept.find(Principal(f"p{number}")) for number in range(3)] == ["", jwt("t"), jwt("t")]
    kept.keep(ADA, "no JWT")
    assert kept.find(ADA) == ""
    kept.keep(Principal("p2"), jwt("t"))
    kept.want(False)
    assert kept.find(Principal("p2")) == ""


def test_a_secret_goes_nowhere_in_the_clear() -> None:
    with pytest.raises(ConfigurationError, match="plain http"):
        TokenServer("http://login.example/token", "a", "b")
