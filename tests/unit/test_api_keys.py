"""API keys: what is minted is found, nothing else is, and a flawed file of them proves nothing."""

import hashlib
import hmac
import stat
import string
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.config.keys import added, change_keys, keys_file, read_keys
from toolward.auth.api_keys import ApiKey, ApiKeys, Minted, looks_like_key, mint
from toolward.errors import ConfigurationError, Unauthenticated
from toolward.types import Principal

NOW = datetime(2026, 11, 26, tzinfo=UTC)
LETTERS = string.ascii_letters + string.digits + "_-. é\n"


def entry(minted: Minted, **fields: Any) -> ApiKey:
    known: dict[str, Any] = {"owner": "ada", "roles": ("support",), "created": NOW, **fields}
    return ApiKey(prefix=minted.prefix, sha256=minted.sha256, **known)


def at(moment: datetime) -> Any:
    return moment.timestamp


OTHERS = [mint() for _ in range(20)]


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_what_is_minted_is_found(first: bytes, second: bytes) -> None:
    given_bytes = iter((first, second))
    minted = mint(lambda _: next(given_bytes))
    assert looks_like_key(minted.text)
    assert minted.text.startswith(f"tw_{minted.prefix}_")
    assert minted.text not in repr(entry(minted))
    keys = ApiKeys([*map(entry, OTHERS), entry(minted, scopes=("crm.*",), tenant="acme")], at(NOW))
    assert keys.principal(minted.text) == Principal("ada", ("support",), "acme", ("crm.*",), minted.prefix)


@given(st.data())
def test_no_other_text_is_found_however_near(data: st.DataObject) -> None:
    minted = OTHERS[0]
    keys, text = ApiKeys(map(entry, OTHERS), at(NOW)), minted.text
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(LETTERS))
    changes = (
        f"{text[:place]}{letter}{text[place + 1 :]}",
        f"{text[:place]}{letter}{text[place:]}",
        f"{text[:place]}{text[place + 1 :]}",
        f"{text}{letter}",
    )
    for changed in changes:
        if changed != text:
            with pytest.raises(Unauthenticated, match="not known"):
                keys.principal(changed)


def test_a_key_is_good_until_the_moment_at_which_it_expires() -> None:
    minted, end = mint(), NOW + timedelta(days=1)
    key = entry(minted, expires=end)
    moment = end - timedelta(milliseconds=1)

    def clock() -> float:
        return moment.timestamp()

    keys = ApiKeys([key], clock)
    assert keys.principal(minted.text).id == "ada"
    assert keys.holder(minted.prefix) == key.principal
    assert keys.next_end(moment.timestamp()) == end.timestamp()
    moment = end
    with pytest.raises(Unauthenticated, match=rf"{minted.prefix} expired at 2026-11-27"):
        keys.principal(minted.text)
    assert keys.holder(minted.prefix) is None
    assert keys.next_end(moment.timestamp()) == float("inf")


def test_a_revoked_key_is_refused_and_only_who_has_it_is_told_why() -> None:
    minted, other = mint(), mint()
    keys = ApiKeys([entry(minted, revoked=NOW)], at(NOW))
    with pytest.raises(Unauthenticated, match="was revoked"):
        keys.principal(minted.text)
    with pytest.raises(Unauthenticated, match="not known"):
        keys.principal(f"tw_{minted.prefix}_{other.text[-43:]}")


def test_a_hit_and_a_miss_among_any_number_of_keys_compare_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    one, unknown = OTHERS[3], mint()
    for keys in (ApiKeys(map(entry, OTHERS), at(NOW)), ApiKeys([entry(one)], at(NOW)), ApiKeys()):
        for token in (one.text, unknown.text, "tw_something", ""):
            compared.clear()
            try:
                keys.principal(token)
            except Unauthenticated:
                assert token != one.text or not len(keys)
            assert [len(digest) for pair in compared for digest in pair] == [32, 32]


# --- the file -------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_and_comes_back_as_it_was_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert read_keys(home) == ()
    key = entry(mint(), scopes=(), expires=NOW, revoked=NOW, name="x")
    change_keys(home, lambda keys: added(keys, key))
    assert read_keys(home) == (key,)
    assert stat.S_IMODE(keys_file(home).stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["keys.json"]


def test_two_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    keys = [entry(mint()) for _ in range(40)]

    def add(key: ApiKey) -> None:
        change_keys(tmp_path, lambda before: added(before, key))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, keys))
    assert {key.prefix for key in read_keys(tmp_path)} == {key.prefix for key in keys}


def test_where_there_is_no_room_those_that_are_over_make_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.config.keys.MAX_KEYS", 2)
    good, over, new = entry(mint()), entry(mint(), revoked=NOW), entry(mint())
    assert added((over, good), new) == (good, new)
    with pytest.raises(ConfigurationError, match="no more are kept"):
        added((good, good), new)


WHOLE = (
    '{"version":1,"keys":[{"prefix":"aaaaaaaaaaaa","sha256":"DIGEST","owner":"ada","roles":[],"tenant":"default",'
    '"scopes":null,"name":"","created":"2026-11-26T00:00:00Z","expires":null,"revoked":null}]}'
).replace("DIGEST", hashlib.sha256().hexdigest())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", ""),
        (WHOLE, WHOLE[:-2], "cannot be used"),
        ('"version":1', '"version":2', "has version 2"),
        ('"name":""', '"name":"","more":1', "more"),
        ('"prefix":"aaaaaaaaaaaa"', '"prefix":"aaaaaaaaaaaa\\n"', "prefix"),
        ('"owner":"ada"', '"owner":""', "owner"),
        ('"owner":"ada"', '"owner":"ada, role:operator"', "owner"),
        ('"created":"2026-11-26T00:00:00Z"', '"created":"2026-11-26T00:00:00"', "created"),
        ('"scopes":null', '"scopes":["crm"]', "the scope 'crm' of the key aaaaaaaaaaaa names neither"),
        ('"scopes":null', '"scopes":["crm.?"]', "only \\* is a wildcard"),
        ("]}", f",{WHOLE[21:-2]}]}}", "two keys with one prefix"),
    ],
)
def test_one_flaw_and_no_key_counts_and_nothing_is_written_over(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = keys_file(tmp_path)
    path.touch(0o600)
    path.write_text(WHOLE.replace(old, new, 1) if old else WHOLE)
    before = path.read_bytes()
    if not said:
        assert len(read_keys(tmp_path)) == 1
        return
    with pytest.raises(ConfigurationError, match=said):
        read_keys(tmp_path)
    with pytest.raises(ConfigurationError, match=said):
        change_keys(tmp_path, lambda _: ())
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_may_read_or_write_proves_nothing(tmp_path: Path, mode: int) -> None:
    change_keys(tmp_path, lambda keys: added(keys, entry(mint())))
    keys_file(tmp_path).chmod(mode)
    with pytest.raises(ConfigurationError, match="proves nothing"):
        read_keys(tmp_path)


def test_a_change_keeps_what_it_does_not_change(tmp_path: Path) -> None:
    one, other = entry(mint()), entry(mint())
    change_keys(tmp_path, lambda _: (one, other))
    change_keys(tmp_path, lambda keys: [replace(key, revoked=NOW) if key == one else key for key in keys])
    assert read_keys(tmp_path) == (replace(one, revoked=NOW), other)
