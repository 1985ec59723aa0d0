"""Signing in to the console by key, token and one-time link, at a gateway; and what its forms and answers guard."""

import asyncio
import html
import re
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.config.keys import change_keys
from gateway.servers.console import events
from gateway.servers.console.pages import HEADERS
from tests.integration.console_door import ConsoleHouse, console_house, cookie_of, signs_in, token_of, who
from toolward.auth.api_keys import ApiKey, mint

ADA = "adas-token-0123456789"
POSTS = ("/sign-in", "/sign-out", "/theme")


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[ConsoleHouse]:
    async with console_house(tmp_path_factory.mktemp("console")) as one:
        yield one


async def after(house: ConsoleHouse, change: Callable[[], object]) -> None:
    """Make a change of the keys' file, and wait until the gateway has seen it."""
    seen = asyncio.Event()
    house.gateway.keys.on_change(seen.set)
    change()
    async with asyncio.timeout(30):
        await seen.wait()


async def test_a_token_signs_in_is_nowhere_in_the_cookie_and_signing_out_ends_it(house: ConsoleHouse) -> None:
    async with house.browser() as browser:
        answer = await signs_in(browser, token=f" {ADA} ", next="/help?a=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/help?a=1")
        said = answer.headers["set-cookie"].lower()
        assert "httponly" in said
        assert "samesite=lax" in said
        assert ADA not in said
        assert await who(browser) == "ada"
        refused = await browser.post("/sign-out", data={"csrf": "made up"})
        assert (refused.status_code, await who(browser)) == (403, "ada")
        copied = dict(browser.cookies)
        await browser.post("/sign-out", data={"csrf": await token_of(browser)})
        assert await who(browser) == ""
        assert (
            await browser.post("/sign-out", data={"csrf": ""})
        ).status_code == 303  # nobody may leave, too
    async with house.browser() as thief:
        thief.cookies.update(copied)
        assert await who(thief) == ""


async def test_signing_out_ends_what_is_live_though_nothing_happens(
    house: ConsoleHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "CHECK_SECONDS", 0.05)
    async with house.browser() as browser, house.browser() as another:
        await signs_in(browser, token=ADA)
        another.cookies.update(dict(browser.cookies))
        async with asyncio.timeout(30), browser.stream("GET", "/inbox/live") as stream:
            pieces = stream.aiter_text()
            assert "event: put" in await anext(pieces)
            await another.post("/sign-out", data={"csrf": await token_of(another)})
            rest = "".join([piece async for piece in pieces])
        assert "event: go" in rest  # the page is to be loaded anew, which is where one signs in
        assert "Your session is over" in rest
        assert "event: put" not in rest


async def test_rights_that_change_end_what_is_live_with_those_before(
    house: ConsoleHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "CHECK_SECONDS", 0.05)
    minted = mint()
    key = ApiKey(
        prefix=minted.prefix, sha256=minted.sha256, owner="ci", roles=("operator",), created=datetime.now(UTC)
    )
    less = msgspec.structs.replace(key, roles=("support",))
    home = house.gateway.home
    await after(house, lambda: change_keys(home, lambda known: (*known, key)))
    async with house.browser() as browser:
        await signs_in(browser, token=minted.text)
        async with asyncio.timeout(30), browser.stream("GET", "/inbox/live") as stream:
            pieces = stream.aiter_text()
            await anext(pieces)
            change_keys(home, lambda known: tuple(less if one == key else one for one in known))
            rest = "".join([piece async for piece in pieces])
        assert "What you may do has changed" in rest
        assert "event: go" not in rest  # the page comes back by itself
        assert await who(browser) == "ci"  # the session goes on, with the rights of now


async def test_a_link_is_good_once_also_for_two_at_once(house: ConsoleHouse) -> None:
    code = house.link()
    async with house.browser() as one, house.browser() as two:
        shown = await one.get(f"/sign-in?code={code}")
        assert shown.status_code == 200  # looking at it uses nothing up
        answers = await asyncio.gather(signs_in(one, code=code), signs_in(two, code=code))
        assert sorted(answer.status_code for answer in answers) == [303, 401]
        assert sorted([await who(one), await who(two)]) == ["", "local"]
        assert (await signs_in(two, code=code)).status_code == 401


async def test_a_revoked_key_ends_its_sessions(house: ConsoleHouse) -> None:
    minted, now = mint(), datetime.now(UTC)
    key = ApiKey(prefix=minted.prefix, sha256=minted.sha256, owner="ci", roles=("operator",), created=now)
    home = house.gateway.home
    await after(house, lambda: change_keys(home, lambda known: (*known, key)))
    async with house.browser() as browser:
        await signs_in(browser, token=minted.text)
        assert await who(browser) == "ci"
        await after(house, lambda: change_keys(home, lambda known: tuple(k for k in known if k != key)))
        ended = await browser.get("/help")
        assert ended.headers["location"] == "/sign-in?next=%2Fhelp&ended=1"
        told = await browser.get(ended.headers["location"])
        assert "good no more" in told.text


async def test_the_cookie_of_another_port_or_installation_is_nobodys(
    house: ConsoleHouse, tmp_path: Path
) -> None:
    async with console_house(tmp_path) as other, house.browser() as browser, other.browser() as there:
        await signs_in(browser, token=ADA)
        name, value = cookie_of(browser)
        there.cookies.set(name, value)
        assert await who(there) == ""
        await browser.get("/sign-out")  # a form's place is no page
        browser.cookies.clear()
        browser.cookies.set(f"{name}1", value)
        assert await who(browser) == ""


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://[evil"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_no_other_site_signs_anybody_in_or_out(
    house: ConsoleHouse, path: str, headers: dict[str, str]
) -> None:
    async with house.browser() as browser:
        answer = await browser.post(path, data={"token": ADA, "theme": "dark"}, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_who_is_signed_in_stays_so_where_there_is_no_page(house: ConsoleHouse) -> None:
    async with house.browser() as browser:
        strange = await browser.get("/runs/one/two")
        assert (strange.status_code, 'href="/sign-in"' in strange.text) == (404, True)
        await signs_in(browser, token=ADA)
        for path, status in (("/runs/one/two", 404), ("/inbox/", 404), ("/sign-out", 405)):
            answer = await browser.get(path)
            assert answer.status_code == status
            assert "<b>ada</b>" in answer.text
            assert 'href="/sign-in"' not in answer.text


@pytest.mark.parametrize("path", POSTS)
async def test_a_stranger_sends_no_form_that_takes_long_to_read(house: ConsoleHouse, path: str) -> None:
    async def pieces() -> AsyncGenerator[bytes]:  # of a length that nobody is told before
        yield b"token="
        for _ in range(100):
            yield b"%e2%80%ae" * 1_000

    kind = {"content-type": "application/x-www-form-urlencoded"}
    async with house.browser() as browser:
        answer = await browser.post(path, content=pieces(), headers=kind)
        assert answer.status_code == 413
        assert "larger than 65,536 bytes" in answer.text


async def test_every_answer_tells_the_browser_what_it_may_do(house: ConsoleHouse) -> None:
    async with house.browser() as browser:
        await signs_in(browser, token=ADA)
        for path in ("/", "/help", "/sign-in", "/runs/none", "/static/x/none", "/talk/no/such", "/docs"):
            answer = await browser.get(path)
            told = {name: answer.headers.get(name) for name in HEADERS}
            assert told == dict(HEADERS), path
        (kept,) = {one for one in (await browser.get("/help")).text.split('"') if one.endswith(".css")}
        static = await browser.get(kept)
        assert "immutable" in static.headers["cache-control"]
        assert static.headers["content-security-policy"] == HEADERS["content-security-policy"]


async def test_what_an_address_says_is_not_shown_where_people_sign_in(house: ConsoleHouse) -> None:
    async with house.browser() as browser:
        page = await browser.get("/sign-in?said=Call+0800-EVIL&ended=Call+0800-EVIL&error=Call+0800-EVIL")
        assert "0800" not in page.text
        ends = await browser.get("/help?next=//evil.example")
        assert ends.headers["location"].startswith("/sign-in?next=%2Fhelp")


async def test_a_session_has_forms_of_its_own(house: ConsoleHouse) -> None:
    async with house.browser() as one, house.browser() as two:
        for browser in (one, two):
            await signs_in(browser, token=ADA)
        assert await token_of(one) != await token_of(two)


async def test_who_guesses_is_not_listened_to_and_who_was_known_is(tmp_path: Path) -> None:
    async with (
        console_house(tmp_path, "limits: {failures_per_minute: 3}\n") as house,
        house.browser() as guest,
        house.browser() as ada,
    ):
        await signs_in(ada, token=ADA)
        answers = [await signs_in(guest, token=f"guess-{n}") for n in range(2)]
        answers += [await signs_in(guest, code=house.link()[:-1]) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        last = answers[-1]
        assert int(last.headers["retry-after"]) > 0
        assert "did not prove who they are" in last.text
        assert (await signs_in(ada, token=ADA)).status_code == 303
        assert await who(ada) == "ada"  # and whoever has a session has it


@pytest.mark.parametrize("body", [b"token=%ff", b"\xff", b"&".join(b"a=1" for _ in range(600))])
async def test_a_form_that_cannot_be_read_is_told(house: ConsoleHouse, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with house.browser() as browser:
        answer: httpx.Response = await browser.post("/sign-in", content=body, headers=headers)
        assert (answer.status_code, "cannot be read" in answer.text) == (400, True)


async def test_the_rest_interface_is_read_without_signing_in_and_loads_nothing_from_elsewhere(
    house: ConsoleHouse,
) -> None:
    async with house.browser() as browser:
        page = await browser.get("/docs")
        document = (await browser.get("/openapi.json")).json()
        operations = [(m.upper(), path) for path, item in document["paths"].items() for m in item]
        for method, path in operations:
            assert f">{method}</code> <code>{html.escape(path)}</code>" in page.text
        assert page.text.count('class="operation"') == len(operations) > 15
        assert not re.search(r'(?:src|href)="(?!/|#)', page.text)
        await signs_in(browser, token=ADA)
        assert 'href="/inbox"' in (await browser.get("/docs")).text
