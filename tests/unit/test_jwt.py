"""JWTs of an identity provider, against real keys in a file."""

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from toolward.auth.jwt import Jwt, JwtSettings, jwt_verifier
from toolward.auth.keys import Keys, keys_at
from toolward.auth.on_behalf import SKEW
from toolward.auth.tokens import proven
from toolward.errors import ConfigurationError, ToolwardError, Unauthenticated, Unavailable
from toolward.types import Principal

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://id.example", "https://tools.example/mcp"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "ada",
    "exp": NOW + 300,
    "iat": NOW,
    "roles": ["support"],
    "tenant": "acme",
}
Key = RSAKey | ECKey | OKPKey


def ec(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


def publish(path: Path, *keys: Key | OctKey) -> None:
    path.write_text(json.dumps({"keys": [key.as_dict(private=isinstance(key, OctKey)) for key in keys]}))


def signed(key: Key, alg: str = "ES256", header: dict[str, Any] | None = None, **claims: Any) -> str:
    said = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    head = {"alg": alg} | ({"kid": key.kid} if key.kid else {}) | (header or {})
    return jwt.encode(head, said, key, algorithms=[alg])


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


class Provider:
    """A key file, what checks against it, and a clock for the age of the keys."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "jwks.json"
        self.key = ec("one")
        publish(self.path, self.key)
        self.now, self.time = 0.0, NOW
        read = keys_at(str(self.path))._fetch  # pyright: ignore[reportPrivateUsage] -- the real reading, another clock
        self.reads = 0

        async def fetch() -> bytes:
            self.reads += 1
            return await read()

        settings = JwtSettings(ISSUER, AUDIENCE, str(self.path))
        self.verify = Jwt(settings, Keys("the file", fetch, lambda: self.now), lambda: self.time)

    async def who(self, token: str) -> Principal:
        return await proven(lambda _: self.verify(token), {})

    async def refusal(self, token: str) -> ToolwardError:
        with pytest.raises(ToolwardError) as caught:
            await self.who(token)
        return caught.value


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(tmp_path)


async def test_a_signed_token_says_who_calls(provider: Provider) -> None:
    assert await provider.who(signed(provider.key)) == Principal("ada", ("support",), "acme")
    assert await provider.who(signed(provider.key, roles="a b", tenant=None)) == Principal("ada", ("a", "b"))
    assert await provider.who(signed(provider.key, aud=["other", AUDIENCE], roles=None)) == Principal(
        "ada", (), "acme"
    )
    assert provider.reads == 1


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "https://other.example/mcp"}, "aud"),
        ({"aud": None}, "aud"),
        ({"exp": NOW - SKEW - 1}, "expired"),
        ({"exp": None}, "exp"),
        ({"nbf": NOW + SKEW + 10}, "not yet valid"),
        ({"iat": NOW + SKEW + 10}, "issued in the future"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"roles": [1]}, "roles"),
        ({"roles": {"a": 1}}, "roles"),
        ({"tenant": 5}, "tenant"),
    ],
)
async def test_a_claim_that_does_not_hold_is_refused_by_name(
    provider: Provider, claims: dict[str, Any], said: str
) -> None:
    error = await provider.refusal(signed(provider.key, **claims))
    assert isinstance(error, Unauthenticated)
    assert said in error.message


async def test_clocks_may_differ_a_little(provider: Provider) -> None:
    assert (await provider.who(signed(provider.key, exp=NOW - SKEW + 5))).id == "ada"
    assert (await provider.who(signed(provider.key, nbf=NOW + SKEW - 5))).id == "ada"


@pytest.mark.parametrize("alg", ["RS256", "PS256", "Ed25519"])
async def test_the_usual_algorithms_are_taken(provider: Provider, alg: str) -> None:
    key = OKPKey.generate_key("Ed25519") if alg == "Ed25519" else RSAKey.generate_key(2048)
    publish(provider.path, key)
    assert (await provider.who(signed(key, alg))).id == "ada"


@pytest.mark.parametrize("typ", ["at+jwt", "application/AT+JWT", "JWT"])
async def test_the_types_of_access_tokens_are_taken(provider: Provider, typ: str) -> None:
    assert (await provider.who(signed(provider.key, header={"typ": typ}))).id == "ada"


@pytest.mark.parametrize("typ", ["logout+jwt", "secevent+jwt", "dpop+jwt", ""])
async def test_what_was_signed_for_another_purpose_proves_nobody(provider: Provider, typ: str) -> None:
    error = await provider.refusal(signed(provider.key, header={"typ": typ}))
    assert "none by which somebody calls" in error.message


async def test_a_token_that_was_seen_before_is_checked_again_when_it_counts(provider: Provider) -> None:
    token = signed(provider.key)
    for _ in range(3):
        assert (await provider.who(token)).id == "ada"
    changed = token[:-8] + ("A" * 8 if token[-8:] != "A" * 8 else "B" * 8)
    assert isinstance(await provider.refusal(changed), Unauthenticated)
    provider.time = NOW + 300 + SKEW
    assert "expired" in (await provider.refusal(token)).message
    provider.time = NOW
    publish(provider.path, new := ec("two"))
    provider.now += 11
    await provider.who(signed(new))  # by which the keys are read again
    assert isinstance(await provider.refusal(token), Unauthenticated)


async def test_nobody_signs_with_a_public_key_or_with_none(provider: Provider) -> None:
    head = encoded({"alg": "HS256", "kid": "one"}) + "." + encoded(CLAIMS)
    mac = hmac.digest(provider.key.as_pem(private=False), head.encode(), "sha256")
    confused = f"{head}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    unsigned = encoded({"alg": "none", "kid": "one"}) + "." + encoded(CLAIMS) + "."
    for token in (confused, unsigned, signed(ec("one"))):
        assert isinstance(await provider.refusal(token), Unauthenticated)


async def test_a_published_secret_is_no_key(provider: Provider) -> None:
    shared = OctKey.generate_key(256, {"kid": "shared"})
    publish(provider.path, provider.key, shared)
    token = jwt.encode({"alg": "HS256", "kid": "shared"}, CLAIMS, shared, algorithms=["HS256"])
    assert "does not publish" in (await provider.refusal(token)).message


@pytest.mark.parametrize(
    "token", ["a.b.c", "..", "opaque", "a.b.c.d.e", "x" * 20_000, "\u00e9.\u00e9.\u00e9"]
)
async def test_what_is_no_jwt_is_refused(provider: Provider, token: str) -> None:
    assert isinstance(await provider.refusal(token), Unauthenticated)


async def test_a_new_key_is_found_when_a_token_names_it(provider: Provider) -> None:
    assert (await provider.who(signed(provider.key))).id == "ada"
    new = ec("two")
    publish(provider.path, new)
    provider.now += 11
    assert (await provider.who(signed(new))).id == "ada"
    assert isinstance(await provider.refusal(signed(provider.key)), Unauthenticated)


async def test_made_up_keys_do_not_make_us_ask_again_and_again(provider: Provider) -> None:
    for number in range(20):
        assert isinstance(await provider.refusal(signed(ec(f"made up {number}"))), Unauthenticated)
    assert provider.reads == 1


async def test_known_keys_outlive_a_provider_that_is_away_for_a_while(provider: Provider) -> None:
    await provider.who(signed(provider.key))
    provider.path.write_text("<html>maintenance</html>")
    provider.now += 3600
    assert (await provider.who(signed(provider.key))).id == "ada"
    provider.now += 24 * 3600
    error = await provider.refusal(signed(provider.key))
    assert isinstance(error, Unavailable)
    assert error.retry_after is not None


async def test_where_there_is_one_key_a_token_need_not_name_it(provider: Provider) -> None:
    key = ECKey.generate_key("P-256")
    publish(provider.path, key)
    assert (await provider.who(signed(key))).id == "ada"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("/no/such/file.json", "There is no file"),
        ("http://id.example/jwks", "plain http"),
        ("https://user:secret@id.example/jwks", "cannot be used"),
    ],
)
def test_keys_that_cannot_be_trusted_are_refused_at_start(keys: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        jwt_verifier(JwtSettings(ISSUER, AUDIENCE, keys))
    assert "secret" not in caught.value.text


def test_issuer_audience_and_keys_belong_together() -> None:
    with pytest.raises(ConfigurationError, match="their audience"):
        jwt_verifier(JwtSettings(ISSUER, "", "keys.json"))
