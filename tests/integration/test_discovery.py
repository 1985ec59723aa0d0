"""Identity providers whose keys are found by their metadata, served for real."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap import open_gateway
from gateway.bootstrap.identity import authentication
from gateway.config.parse import read_settings
from tests.integration.identity_provider import OAUTH, OPENID, IdentityProvider, identity_provider
from tests.integration.scripted_tools import failing
from toolward.auth.discovery import Discovered, metadata_addresses
from toolward.auth.issuers import Issuers
from toolward.auth.jwt_settings import JwtSettings
from toolward.auth.keys import COOLDOWN, Keys
from toolward.auth.tokens import proven
from toolward.errors import Unauthenticated, Unavailable
from toolward.types import Principal


class Place:
    """A provider, what checks its tokens, and a clock for what is kept of it."""

    def __init__(self, provider: IdentityProvider) -> None:
        self.provider, self.now = provider, 0.0
        self.issuers = Issuers(self._keys)
        self.use()

    def _keys(self, settings: JwtSettings) -> Keys:
        return Keys(settings.issuer, Discovered(settings.issuer, clock=lambda: self.now), lambda: self.now)

    def use(self, **more: Any) -> None:
        self.issuers.use([JwtSettings(self.provider.issuer, "toolward", **more)])

    async def who(self, token: str) -> Principal:
        return await proven(lambda _: self.issuers(token), {})


@pytest.fixture
async def place() -> AsyncGenerator[Place, None]:
    async with identity_provider("/realms/corp") as provider:
        yield Place(provider)


async def test_nothing_is_asked_before_the_first_token_and_then_once(place: Place) -> None:
    provider = place.provider
    assert provider.asked == []
    found = await asyncio.gather(*(place.who(provider.token(sub=f"p{n}")) for n in range(20)))
    assert [one.id for one in found] == [f"p{n}" for n in range(20)]
    assert provider.asked == [f"/realms/corp{OPENID}", "/realms/corp/keys"]


async def test_metadata_of_OAuth_will_do(place: Place) -> None:
    provider = place.provider
    provider.missing = {f"/realms/corp{OPENID}"}
    assert (await place.who(provider.token())).id == "grace"
    assert provider.asked[1] == f"{OAUTH}/realms/corp"


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (
            {"issuer": "https://id.stranger.example"},
            "metadata is that of the issuer 'https://id.stranger.example'",
        ),
        ({"issuer": None}, "cannot be read"),
        ({"jwks_uri": "http://id.example/keys"}, "plain http"),
        ({"jwks_uri": "https://10.0.0.1/keys"}, "no name of a provider's"),
        ({"jwks_uri": "http://localhost:1/keys"}, "no name of a provider's"),
        ({"jwks_uri": "https://u:p@id.example/keys"}, "it holds credentials"),
    ],
)
async def test_metadata_that_must_not_be_believed_lets_nobody_in(
    place: Place, metadata: dict[str, Any], said: str
) -> None:
    place.provider.metadata = metadata
    error = await failing(place.who(place.provider.token()))
    assert isinstance(error, Unavailable)
    assert said in error.message
    assert error.retry_after is not None


async def test_keys_are_rotated_and_may_move(place: Place) -> None:
    provider = place.provider
    old = provider.token()
    assert (await place.who(old)).id == "grace"
    provider.keys = [new := provider.new_key("two")]
    place.now += COOLDOWN
    assert (await place.who(provider.token(new))).id == "grace"
    assert isinstance(await failing(place.who(old)), Unauthenticated), "its key is published no more"


async def test_a_provider_that_is_away_is_asked_again_and_no_more_often_than_is_polite(place: Place) -> None:
    provider = place.provider
    provider.missing = {f"/realms/corp{OPENID}", f"{OAUTH}/realms/corp"}
    for _ in range(5):
        error = await failing(place.who(provider.token()))
        assert isinstance(error, Unavailable)
        assert error.retry_after == COOLDOWN
    assert len(provider.asked) == 2
    provider.missing = set()
    place.now += COOLDOWN
    assert (await place.who(provider.token())).id == "grace"


async def test_a_token_of_strangers_asks_nobody(place: Place) -> None:
    for issuer in ("https://id.stranger.example", "http://127.0.0.1:1", None, 7):
        error = await failing(place.who(place.provider.token(iss=issuer)))
        assert isinstance(error, Unauthenticated)
    assert place.provider.asked == []


async def test_new_terms_for_a_provider_hold_at_once_and_its_keys_stay_known(place: Place) -> None:
    provider = place.provider
    token = provider.token(groups=["staff"])
    assert (await place.who(token)).roles == ()
    place.use(roles_claim="groups", roles={"staff": "support"})
    assert (await place.who(token)).roles == ("support",)
    assert len(provider.asked) == 2
    place.issuers.use([])
    assert isinstance(await failing(place.who(token)), Unauthenticated)


def test_where_metadata_is() -> None:
    assert metadata_addresses("https://id.example/") == (
        f"https://id.example{OPENID}",
        f"https://id.example{OAUTH}",
    )


RELOADED = """
version: 1
policies: []
identity: {providers: [{issuer: ISSUER, audience: toolward, roles_claim: groups, roles: {staff: ROLE}}]}
"""


async def test_a_reload_changes_who_a_providers_people_are_and_keeps_its_keys(tmp_path: Path) -> None:
    path, told = tmp_path / "toolward.yaml", asyncio.Event()
    async with identity_provider() as provider:
        text = RELOADED.replace("ISSUER", provider.issuer)
        path.write_text(text.replace("ROLE", "support"))
        load = partial(read_settings, path, {})
        async with open_gateway(load(), tmp_path / "home", load=load, environment={}) as gateway:
            authenticate = authentication(gateway)
            headers = {"authorization": f"Bearer {provider.token(groups=['staff'])}"}
            assert (await proven(authenticate, headers)).roles == ("support",)
            gateway.reload.on_outcome(lambda said, failed: told.set() if "identity" in said else None)
            path.write_text(text.replace("ROLE", "operator"))
            gateway.reload.nudge()
            async with asyncio.timeout(30):
                await told.wait()
            assert (await proven(authenticate, headers)).roles == ("operator",)
        assert provider.asked == [OPENID, "/keys"]
