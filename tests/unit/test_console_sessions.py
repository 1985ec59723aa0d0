"""The console's cookie: whatever is changed in it, whoever made it, it is ours as it was or nobody's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.servers.console.sessions import LASTS, Session, Sessions
from gateway.servers.console.signing_in import inside
from tests.examples import examples
from toolward.errors import Denied, Unauthenticated
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
