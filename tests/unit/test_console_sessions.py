"""The console's cookie: whatever is changed in it, whoever made it, it is ours as it was or nobody's."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bootstrap.signed_out import SignedOutFiles
from gateway.servers.console.sessions import LASTS, Session, Sessions, SignedOut, SignedOutHere
from gateway.servers.console.signing_in import inside
from tests.examples import examples
from toolward.errors import Denied, Unauthenticated, Unavailable
from toolward.types import Principal

NOW = 1_790_000_000.0
OURS = Sessions(b"our key", lambda: NOW)
PRINCIPAL = Principal("corp:grace", ("support", "lead"), "acme", ("crm.*",))
SESSION = OURS.begin("provider", "https://id.example", principal=PRINCIPAL)
COOKIE = OURS.written(SESSION)


def test_it_is_read_as_it_was_written_by_another_worker_of_the_same_installation() -> None:
    assert Sessions(b"our key", lambda: NOW).read(COOKIE) == SESSION


@settings(max_examples=examples(60))
@given(st.integers(0, len(COOKIE) - 1), st.characters())
def test_law_a_cookie_with_anything_changed_is_nobodys(place: int, char: str) -> None:
    changed = COOKIE[:place] + char + COOKIE[place + 1 :]
    if changed != COOKIE:
        with pytest.raises(Unauthenticated):
            OURS.read(changed)


@settings(max_examples=examples(60))
@given(st.one_of(st.text(), st.from_regex(r"[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{43}", fullmatch=True)))
def test_law_what_was_not_made_here_is_nobodys(cookie: str) -> None:
    with pytest.raises(Unauthenticated):
        OURS.read(cookie)


@pytest.mark.parametrize(
    "cookie",
    [
        Sessions(b"another key", lambda: NOW).written(SESSION),
        OURS.signed("provider", SESSION),  # ours, for another purpose
        OURS.written(SESSION)[:-1],
        "." + COOKIE.partition(".")[2],
        COOKIE + "A" * 10_000,
    ],
    ids=["another key", "another purpose", "cut off", "no body", "too long"],
)
def test_another_installations_key_or_purpose_is_not_taken(cookie: str) -> None:
    with pytest.raises(Unauthenticated):
        OURS.read(cookie)


@pytest.mark.parametrize(("ends", "lasts"), [(None, LASTS), (NOW + 60, 60), (NOW + 10 * LASTS, LASTS)])
def test_it_ends_with_what_proves_the_person_and_after_twelve_hours(ends: float | None, lasts: int) -> None:
    now = NOW
    sessions = Sessions(b"our key", lambda: now)
    cookie = sessions.written(sessions.begin("principal", "ada", ends=ends))
    now = NOW + lasts - 1
    assert sessions.read(cookie).subject == "ada"
    now = NOW + lasts
    with pytest.raises(Unauthenticated, match="over"):
        sessions.read(cookie)


@pytest.fixture(params=["here", "files"])
def signed_out(request: pytest.FixtureRequest, tmp_path: Path) -> SignedOut:
    return SignedOutHere() if request.param == "here" else SignedOutFiles(tmp_path)


def test_who_signs_out_ends_that_session_and_no_other(signed_out: SignedOut) -> None:
    sessions = Sessions(b"our key", lambda: NOW, signed_out)
    one, other = (sessions.begin("principal", "ada") for _ in range(2))
    for _ in range(2):  # twice ends it once
        sessions.end(one)
        with pytest.raises(Unauthenticated, match="over"):
            sessions.read(sessions.written(one))
    assert sessions.read(sessions.written(other)) == other


def test_what_was_signed_out_holds_in_every_worker_until_it_would_be_over(tmp_path: Path) -> None:
    now = NOW
    workers = [Sessions(b"our key", lambda: now, SignedOutFiles(tmp_path, lambda: now)) for _ in range(2)]
    session = workers[0].begin("principal", "ada")
    workers[0].end(session)
    with pytest.raises(Unauthenticated, match="over"):
        workers[1].read(workers[1].written(session))
    folder = tmp_path / "signed-out"
    assert [(file.name, file.stat().st_mode & 0o777) for file in folder.iterdir()] == [(session.nonce, 0o600)]
    now += LASTS + 60
    after = workers[1].begin("principal", "ada")
    workers[1].end(after)
    assert [file.name for file in folder.iterdir()] == [after.nonce]


def test_what_another_worker_is_just_noting_is_not_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "signed-out"
    folder.mkdir()
    (folder / "being-made").touch()  # it has the time of now before it has that of its session's end
    SignedOutFiles(tmp_path).add("another", int(time.time()) + LASTS)
    assert sorted(file.name for file in folder.iterdir()) == ["another", "being-made"]


def test_what_cannot_be_noted_says_that_you_are_signed_in_still(tmp_path: Path) -> None:
    (tmp_path / "signed-out").write_text("no folder")
    sessions = Sessions(b"our key", lambda: NOW, SignedOutFiles(tmp_path))
    with pytest.raises(Unavailable, match="signed in still"):
        sessions.end(SESSION)


def test_a_forms_token_is_of_one_session() -> None:
    other = OURS.begin("principal", "ada")
    OURS.check_token(SESSION, OURS.token(SESSION))
    for token in (OURS.token(other), "", "é", SESSION.nonce, COOKIE):
        with pytest.raises(Denied):
            OURS.check_token(SESSION, token)
    assert isinstance(other, Session)


@settings(max_examples=examples(100))
@given(st.text(alphabet="/\\.:@?#[]a\t\n\r e", max_size=12))
def test_law_no_address_leads_to_another_place(path: str) -> None:
    found = inside(path)
    assert found == "/" or (found == path and found[0] == "/" and found[1:2] not in ("/", "\\"))
