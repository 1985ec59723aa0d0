"""Which backends the supervisor of workers owns, and how a worker reaches those instead."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.bootstrap.handover import Handover, line
from gateway.bootstrap.owned import (
    Handed,
    check_start,
    hand,
    hand_relay,
    is_owned,
    reached_by,
    spec_digest,
    start_digest,
    with_secrets,
)
from gateway.config.limits import DoorLimits
from gateway.config.origins import origins
from gateway.config.secrets import Substituted
from gateway.config.settings import Settings
from gateway.core.spec import GrpcSpec, HttpSpec, Launch, OAuthSpec, Spec, StdioSpec
from toolward.doors.tls import Tls
from toolward.errors import ConfigurationError

LAUNCH = Launch(("crm", "--http"), {"KEY": Substituted("hidden", "${env:KEY}")}, Path("/srv"), ("hidden",))
STDIO = StdioSpec(name="search", address="search --fast", launch=LAUNCH, timeout=7, concurrency=3, queue=4)
HTTP = HttpSpec(
    name="crm", address="http://127.0.0.1:8740/mcp", url="http://127.0.0.1:8740/mcp", start=LAUNCH
)
GRPC = GrpcSpec(name="files", address="127.0.0.1:8731", target="127.0.0.1:8731", start=LAUNCH)
ELSEWHERE = HttpSpec(name="far", address="https://far/mcp", url="https://far/mcp", token="theirs")
SECRET = "s" * 43


def told(*specs: Spec) -> dict[str, Handed]:
    found: dict[str, Handed] = {}
    for spec in filter(is_owned, specs):
        if isinstance(spec, StdioSpec):
            found[spec.name] = hand_relay(spec, "relay", SECRET if spec.on_behalf_of else "", 4711)
        else:
            found[spec.name] = hand(spec, with_secrets(spec, lambda: SECRET))
    return found


@pytest.mark.parametrize("on_behalf_of", [False, True])
def test_a_worker_starts_nothing_and_has_what_each_backend_needs(on_behalf_of: bool) -> None:
    configured = [replace(one, on_behalf_of=on_behalf_of) for one in (STDIO, HTTP, GRPC)]
    search, crm, files, far = reached_by(told(*configured))((*configured, ELSEWHERE))
    assert not any(map(is_owned, (search, crm, files, far)))
    key = SECRET if on_behalf_of else ""
    assert search == HttpSpec(
        name="search",
        address="search --fast",
        url="http://127.0.0.1:4711/mcp",
        token="relay",
        timeout=7,
        concurrency=3,
        queue=4,
        on_behalf_of=on_behalf_of,
        principal_key=key,
        relays=True,
    )
    assert search.transport == "stdio", "people see what is configured"
    assert crm == replace(configured[1], start=None, token=SECRET, principal_key=key)
    assert files == replace(configured[2], start=None, token=SECRET, principal_key=key)
    assert far is ELSEWHERE


def test_secrets_are_made_where_none_is_configured() -> None:
    made = (str(number) for number in count())
    own = replace(HTTP, token="own", on_behalf_of=True, principal_key=SECRET)
    assert with_secrets(own, made.__next__) == own
    found = with_secrets(replace(GRPC, on_behalf_of=True), made.__next__)
    assert (found.principal_key, isinstance(found, GrpcSpec) and found.token) == ("1", "0")
    oauth = OAuthSpec(token_url="https://id/token", client_id="a", client_secret="b")
    found = with_secrets(replace(HTTP, oauth=oauth), made.__next__)
    assert isinstance(found, HttpSpec)
    assert found.token == "", "its tokens come from elsewhere"


CHANGES: dict[str, Spec] = {
    "another command": replace(STDIO, launch=replace(LAUNCH, command=("other",))),
    "another secret": replace(
        STDIO, launch=replace(LAUNCH, env={"KEY": Substituted("renewed", "${env:KEY}")})
    ),
    "another kind": replace(HTTP, name="search"),
    "a new one": replace(STDIO, name="new"),
    "told for whom": replace(STDIO, on_behalf_of=True),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_what_only_the_supervisor_could_start_is_refused(changed: Spec) -> None:
    with pytest.raises(ConfigurationError, match=f"The backend {changed.name}") as caught:
        reached_by(told(STDIO, HTTP))((changed, HTTP))
    assert "Restart `toolward up`" in (caught.value.hint or "")
    assert "renewed" not in caught.value.text


def test_a_worker_takes_the_rest_of_a_new_configuration() -> None:
    reached = reached_by(told(STDIO, HTTP))
    (far,) = reached((replace(ELSEWHERE, timeout=1),))
    assert far.timeout == 1
    assert reached((replace(HTTP, start=None, token="theirs"),)) == (
        replace(HTTP, start=None, token="theirs"),
    )


def test_what_is_pinned_is_the_configuration_and_not_the_way_of_a_worker() -> None:
    settings = Settings(source="x", backends=(STDIO, HTTP), agents=(), policies=(), principals=())
    assert origins(settings)["search"] == {"command": ["crm", "--http"], "cwd": "/srv"}
    assert spec_digest(STDIO) == spec_digest(replace(STDIO))


@pytest.mark.parametrize("change", [{"tls": Tls(Path("a"), Path("b"))}, {"limits": DoorLimits(drain=3)}])
def test_a_worker_that_comes_later_opens_the_same_doors(change: dict[str, Any]) -> None:
    settings = Settings(source="x", agents=(), policies=(), principals=())
    check_start(replace(settings, source="y", budgets=()), start_digest(settings))
    with pytest.raises(ConfigurationError, match="the same for all workers"):
        check_start(replace(settings, **change), start_digest(settings))


def test_the_line_of_secrets_is_one_line_and_shows_nothing_of_itself() -> None:
    handover = Handover(
        number=1, workers=2, supervisor=7, http=("::1", 1), grpc=("::1", 2), owned=told(STDIO, HTTP)
    )
    assert line(handover).count(b"\n") == 1
    assert SECRET not in repr(handover) + repr(handover.owned)
