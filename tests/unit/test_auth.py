import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from toolward.auth import Tokens, bearer, load_tokens, local_secret, open_to_all, proven
from toolward.auth.tokens import Token, bearer_or, known_token
from toolward.errors import ConfigurationError, Unauthenticated
from toolward.types import Headers, Principal

ADA = Principal("ada", ("operator",))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer wrong", "Bearer \u00e9"])
def test_a_caller_who_proves_nothing_is_refused(header: str) -> None:
    with pytest.raises(Unauthenticated):
        bearer({"right": ADA})({"authorization": header} if header else {})


def test_the_token_says_who_calls() -> None:
    authenticate = bearer({"right": ADA, "other": Principal("bo")})
    assert authenticate({"authorization": "bearer right"}) == ADA


def test_what_is_kept_of_a_token_does_not_let_anybody_in() -> None:
    known = known_token("right", ADA)
    assert "right" not in repr(known)
    assert Tokens(known).find("right") == ADA
    assert Tokens(known).find(known.sha256) is None


def test_a_token_is_good_until_it_expires() -> None:
    end = datetime(2026, 12, 1, tzinfo=UTC)
    token = Token(known_token("right", ADA).sha256, "ada", expires=end)
    before, after = end.timestamp() - 1, end.timestamp()
    assert Tokens(token, clock=lambda: before).find("right") == Principal("ada")
    assert Tokens(token, clock=lambda: after).find("right") is None


def test_a_file_has_several_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    ada, bo = (known_token(token, ADA).sha256 for token in ("of ada", "of bo"))
    path.write_text(
        f'[[tokens]]\nsha256 = "{ada}"\nid = "ada"\nroles = ["support"]\ntenant = "acme"\n'
        f'[[tokens]]\nsha256 = "{bo}"\nid = "bo"\nexpires = 2020-01-01T00:00:00Z\n'
    )
    tokens = Tokens(*load_tokens(path))
    assert tokens.find("of ada") == Principal("ada", ("support",), "acme")
    assert tokens.find("of bo") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[tokens]]\nid = 'ada'\n", "sha256"),
        ("[[tokens]]\nsha256 = 'plain text'\nid = 'ada'\n", "sha256"),
        (f"[[tokens]]\nsha256 = '{'0' * 64}'\nid = 'ada'\nrole = 'x'\n", "role"),
        (f"[[tokens]]\nsha256 = '{'0' * 64}'\nid = 'ada'\nexpires = 2020-01-01T00:00:00\n", "expires"),
        ("tokens = [", "tokens.toml"),
    ],
)
def test_a_wrong_file_of_tokens_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as caught:
        load_tokens(path)
    assert "plain text" not in caught.value.text


async def test_a_token_that_is_not_ours_is_for_another_to_judge() -> None:
    async def by_a_look_elsewhere(token: str) -> Principal:
        if token == "theirs":
            return Principal("eve")
        raise Unauthenticated("no")

    authenticate = bearer_or(Tokens(known_token("ours", ADA)), by_a_look_elsewhere)

    async def who(token: str) -> Principal:
        headers: Headers = {"authorization": f"Bearer {token}"}
        return await proven(authenticate, headers)

    assert await who("ours") == ADA
    assert await who("theirs") == Principal("eve")
    with pytest.raises(Unauthenticated):
        await who("nobody's")
    assert await proven(open_to_all(ADA), {}) == ADA


def test_looking_for_a_token_costs_the_same_among_many_and_wherever_it_is() -> None:
    """What a look costs says nothing of the tokens that there are: not how many, nor which."""

    def fastest(tokens: Tokens, token: str) -> float:
        times: list[float] = []
        for _ in range(50):
            started = time.perf_counter()
            tokens.find(token)
            times.append(time.perf_counter() - started)
        return min(times)

    many = Tokens(*(known_token(f"token {number}", Principal(str(number))) for number in range(20_000)))
    few = Tokens(known_token("token 0", Principal("0")))
    found = [fastest(many, "token 0"), fastest(many, "token 19999"), fastest(many, "token of nobody")]
    assert max(*found, fastest(few, "token 0")) < 10 * min(*found, fastest(few, "token 0"))


def test_the_local_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret"
    first = local_secret(path)
    assert local_secret(path) == first
    assert len(first) >= 43
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_others_can_read_proves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    local_secret(path)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read by others"):
        local_secret(path)
