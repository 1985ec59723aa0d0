"""Signing in to the console at an identity provider, which is served for real."""

import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.integration.console_door import ConsoleHouse, console_house, cookie_of, follows, session_of, who
from tests.integration.identity_provider import CLIENT, SECRET, IdentityProvider, identity_provider

CONFIG = """
identity:
  providers:
    - issuer: {issuer}
      audience: toolward
      roles_claim: groups
      roles: {{staff: operator}}
      sign_in: {{client_id: {client}, client_secret: "{secret}", name: Corp}}
"""


class Place(NamedTuple):
    house: ConsoleHouse
    provider: IdentityProvider

    async def begins(self, browser: httpx.AsyncClient, after: str = "/help") -> httpx.Response:
        return await browser.get("/sign-in/with", params={"provider": self.provider.issuer, "next": after})

    async def comes_back(self, browser: httpx.AsyncClient) -> httpx.Response:
        """With what the provider said, which is not yet looked at."""
        begun = await self.begins(browser)
        return await browser.get(begun.headers["location"])


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Place]:
    async with identity_provider() as provider:
        more = CONFIG.format(issuer=provider.issuer, client=CLIENT, secret=SECRET)
        async with console_house(tmp_path_factory.mktemp("provider"), more) as house:
            yield Place(house, provider)


@pytest.fixture(autouse=True)
def usual(place: Place) -> None:
    place.provider.id_claims, place.provider.refuses, place.provider.metadata = {"groups": ["staff"]}, "", {}


async def test_whoever_the_provider_knows_is_signed_in_and_comes_to_where_they_wanted(place: Place) -> None:
    async with place.house.browser() as browser:
        page = await browser.get("/sign-in?next=/help")
        assert "Sign in with Corp" in page.text
        seen = await follows(browser, await place.begins(browser))
        assert (seen.status_code, seen.url.path) == (200, "/help")
        assert await who(browser) == "grace"
        assert "operator" in seen.text
        assert not [one for one in browser.cookies.jar if "provider" in one.name], "it was good once"


async def test_neither_secret_nor_verifier_nor_token_comes_to_the_browser(place: Place) -> None:
    async with place.house.browser() as browser:
        begun = await place.begins(browser)
        back = await browser.get(begun.headers["location"])
        done = await browser.get(back.headers["location"])
        seen = str((begun.headers, back.headers, done.headers))
        assert "eyJ" not in seen.replace(cookie_of(browser)[1], ""), "a token"
        assert SECRET not in seen
        assert "code_verifier" not in seen
        assert "HttpOnly" in begun.headers["set-cookie"]
        assert "HttpOnly" in done.headers["set-cookie"]


@pytest.mark.parametrize("by", ["browser", "token"])
async def test_the_session_ends_with_the_token(place: Place, by: str) -> None:
    ends = int(time.time()) + 200
    async with place.house.browser() as browser:
        if by == "browser":
            place.provider.id_claims["exp"] = ends
            await follows(browser, await place.begins(browser))
        else:
            token = place.provider.token(groups=["staff"], exp=ends)
            await browser.post("/sign-in", data={"token": token})
        assert await who(browser) == "grace"
        assert session_of(browser)[2] == ends  # tests/unit/test_console_sessions.py shows what comes of it


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"nonce": "another"}, "is of another sign-in"),
        ({"nonce": None}, "is of another sign-in"),
        ({"aud": "toolward"}, "does not hold"),
        ({"aud": [CLIENT, "toolward"]}, "made for another client"),
        ({"azp": "somebody"}, "made for another client"),
        ({"iss": "https://id.stranger.example"}, "does not hold"),
        ({"exp": 1}, "has expired"),
        ({"sub": ""}, "names nobody"),
    ],
)
async def test_an_id_token_that_does_not_hold_signs_nobody_in(
    place: Place, claims: dict[str, Any], said: str
) -> None:
    place.provider.id_claims.update(claims)
    async with place.house.browser() as browser:
        seen = await follows(browser, await place.begins(browser))
        assert (seen.status_code, said in seen.text) == (401, True), seen.text
        assert await who(browser) == ""


async def test_a_provider_names_none_of_ours(place: Place) -> None:
    place.provider.id_claims["sub"] = "ada"
    async with place.house.browser() as browser:
        seen = await follows(browser, await place.begins(browser))
        assert (seen.status_code, "good no more" in seen.text) == (401, True)
        assert await who(browser) == ""


async def test_only_the_browser_that_began_goes_on_and_only_once(place: Place) -> None:
    async with place.house.browser() as browser, place.house.browser() as other:
        back = (await place.comes_back(browser)).headers["location"]
        assert (await other.get(back)).status_code == 401
        await place.begins(other)  # it has begun one of its own
        stolen = await other.get(back)
        assert (stolen.status_code, "not begun in this browser" in stolen.text) == (401, True)
        cookies = dict(browser.cookies)
        assert (await browser.get(back)).status_code == 303
        assert await who(browser) == "grace"
        browser.cookies.clear()
        browser.cookies.update(cookies)
        again = await browser.get(back)
        assert (again.status_code, "takes this sign-in no more" in again.text) == (401, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "x"}, "not begun in this browser"),
        ({"iss": "https://id.stranger.example"}, "Another provider answered"),
        ({"code": "made-up"}, "takes this sign-in no more"),
        ({"code": "", "error": "access_denied"}, "did not sign you in (access_denied)"),
        ({"code": "", "error": "<b>hello</b>"}, "did not sign you in."),
    ],
)
async def test_an_answer_that_was_changed_is_refused(place: Place, change: dict[str, str], said: str) -> None:
    async with place.house.browser() as browser:
        back = httpx.URL((await place.comes_back(browser)).headers["location"])
        seen = await browser.get(back.copy_merge_params(change))
        assert (seen.status_code, said in seen.text) == (401, True), seen.text
        assert await who(browser) == ""


@pytest.mark.parametrize(
    "where", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"]
)
async def test_it_leads_nowhere_else(place: Place, where: str) -> None:
    async with place.house.browser() as browser:
        back = await browser.get((await place.begins(browser, where)).headers["location"])
        done = await browser.get(back.headers["location"])
        assert done.headers["location"] == "/"
        strange = await browser.get("/sign-in/with?provider=https://evil.example")
        assert strange.status_code == 404


async def test_a_provider_that_is_away_is_told_and_a_key_still_signs_in(tmp_path: Path) -> None:
    async with identity_provider() as provider:
        more = CONFIG.format(issuer=provider.issuer, client=CLIENT, secret=SECRET)
    async with console_house(tmp_path, more) as house, house.browser() as browser:
        seen = await browser.get("/sign-in/with", params={"provider": provider.issuer})
        assert (seen.status_code, "Nobody can sign in at" in seen.text) == (503, True), seen.text
        await browser.post("/sign-in", data={"token": "adas-token-0123456789"})
        assert await who(browser) == "ada"
