"""`toolward key create|list|revoke`: API keys, in a file that a running gateway looks at."""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from gateway.bootstrap import local_person
from gateway.cli.output import EXIT_OK, note, print_json, shorten
from gateway.cli.permitted import operation_policy, permit
from gateway.cli.session import Common, settings_of
from gateway.cli.tables import print_table
from gateway.cli.times import end_ms
from gateway.config.keys import added, change_keys, read_keys
from gateway.config.settings import Settings
from gateway.core.globs import Globs
from gateway.core.operation_policy import refusal
from gateway.core.operations import OPERATIONS
from gateway.core.scopes import flaw_in_scope
from toolward.auth.api_keys import ApiKey, mint
from toolward.errors import Conflict, Denied, InvalidRequest, NotFound
from toolward.names import closest

DAYS = 90
"""For which a key is good where nothing else is said."""

_LONGEST_DAYS = 10 * 366
_NEVER = "never"
_FIELD = re.compile(r"`\$\.(\w+)")  # in what msgspec says of a mistake
_HEADER = ("prefix", "owner", "roles", "tenant", "scopes", "created", "expires", "revoked", "name")


def create(
    owner: Annotated[str, Parameter(help="whom it proves: policy knows them as user:OWNER")],
    *,
    role: Annotated[
        list[str] | None, Parameter(help="a role of theirs; may be given again", negative=())
    ] = None,
    tenant: Annotated[str, Parameter(help="their tenant")] = "default",
    scope: Annotated[
        list[str] | None,
        Parameter(
            help="good for these tools or operations alone: crm.*, run.*; may be given again", negative=()
        ),
    ] = None,
    expires: Annotated[
        str, Parameter(help="how long it is good: 12h, 30d, 2026-12-31, or never")
    ] = f"{DAYS}d",
    name: Annotated[str, Parameter(help="what it is for, for the list")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Make an API key, and show it this once."""
    settings, home = settings_of(common)
    now = time.time()
    scopes = None if scope is None else tuple(dict.fromkeys(scope))
    _check_scopes(scopes or ())
    minted = mint()
    key = _checked(
        {
            "prefix": minted.prefix,
            "sha256": minted.sha256,
            "owner": owner,
            "roles": tuple(dict.fromkeys(role or ())),
            "tenant": tenant,
            "scopes": scopes,
            "name": name,
            "created": datetime.fromtimestamp(int(now), UTC),
            "expires": _end(expires, now),
        }
    )
    permit(settings, "key.create", [{"owner": owner}])
    change_keys(home, lambda keys: added(keys, key))
    if common.json:
        print_json({"key": minted.text, **_shown(key)})
        return EXIT_OK
    note(f"{_about(key)}. It is shown this once, and only its SHA-256 is kept.")
    for scope_of in _matching_nothing(scopes or (), settings):
        note(f"The scope {scope_of} matches no operation, and no backend that is configured now.")
    print(minted.text)
    return EXIT_OK


def list_keys(
    *,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """List the API keys, without anything that proves somebody."""
    settings, home = settings_of(common)
    keys, denied = _readable(settings, read_keys(home))
    if denied and not keys:
        raise denied[0]
    if common.json:
        print_json({"keys": [_shown(key) for key in keys]})
        return EXIT_OK
    print_table(_HEADER, [_row(key) for key in keys])
    if denied:
        note(f"{len(denied)} more are not shown: {denied[0].message}")
    return EXIT_OK


def revoke(
    prefix: Annotated[str, Parameter(help="the key's: what stands between tw_ and the next _")],
    *,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Revoke an API key: from now on it is refused."""
    settings, home = settings_of(common)
    at = datetime.fromtimestamp(int(time.time()), UTC)
    found: list[ApiKey] = []

    def revoked(keys: tuple[ApiKey, ...]) -> list[ApiKey]:
        key = _named(keys, prefix)
        permit(settings, "key.revoke", [{"owner": key.owner}])
        if key.revoked is not None:
            raise Conflict(f"The API key {key.prefix} was revoked at {_time(key.revoked)}.")
        found.append(msgspec.structs.replace(key, revoked=at))
        return [found[0] if one is key else one for one in keys]

    change_keys(home, revoked)
    if common.json:
        print_json(_shown(found[0]))
    else:
        print(f"revoked: {_about(found[0])}. A gateway that runs refuses it within a second.")
    return EXIT_OK


def _checked(fields: dict[str, Any]) -> ApiKey:
    """As strict as the reader of the file. Raises InvalidRequest."""
    try:
        return msgspec.convert(fields, ApiKey)
    except msgspec.ValidationError as error:
        found = _FIELD.search(str(error))
        said = f": its {found[1]} cannot be {_given(fields[found[1]])}" if found else f": {error}"
        raise InvalidRequest(
            f"There can be no such key{said}.",
            hint="Owner, roles and tenant are words of A-Z, a-z, 0-9 and _.@-; no text is longer than 128.",
        ) from None


def _given(value: str | Sequence[str]) -> str:
    return shorten(repr(value) if isinstance(value, str) else ", ".join(map(repr, value)), 80)


def _check_scopes(scopes: Iterable[str]) -> None:
    for one in scopes:
        if flaw := flaw_in_scope(one):
            raise InvalidRequest(
                f"The scope {one[:128]!r} {flaw}.",
                hint='Write tools or operations: --scope "crm.*" --scope run.read',
            )


def _matching_nothing(scopes: Iterable[str], settings: Settings) -> Iterator[str]:
    backends = [f"{spec.name}." for spec in settings.backends]
    for one in scopes:
        head = one.partition("*")[0]
        operation = any(map(Globs((one,)).matches, OPERATIONS))
        if not operation and not any(name.startswith(head) or head.startswith(name) for name in backends):
            yield one


def _end(text: str, now: float) -> datetime | None:
    """Raises InvalidRequest for what is no time to come."""
    if text == _NEVER:
        return None
    end = end_ms(text, "--expires") / 1000
    if not now < end <= now + _LONGEST_DAYS * 86_400:
        raise InvalidRequest(
            f"--expires {text[:40]!r} is not in the next ten years.",
            hint=f"Write 30d or a day to come; `{_NEVER}` for a key that is good until it is revoked.",
        )
    return datetime.fromtimestamp(int(end), UTC)


def _readable(settings: Settings, keys: Iterable[ApiKey]) -> tuple[list[ApiKey], list[Denied]]:
    """Those that policy lets the local person see, and why not the others."""
    person, policy = local_person(settings), operation_policy(settings)
    readable: list[ApiKey] = []
    denied: list[Denied] = []
    for key in keys:
        decision = policy.decide(person, "key.read", {"owner": key.owner})
        if (error := refusal(decision, person, "key.read")) is None:
            readable.append(key)
        else:
            denied.append(error)
    return readable, denied


def _named(keys: tuple[ApiKey, ...], prefix: str) -> ApiKey:
    """Of a whole key its prefix counts. Raises NotFound."""
    if prefix.startswith("tw_"):
        prefix = prefix.split("_")[1]
    for key in keys:
        if key.prefix == prefix:
            return key
    near = closest(prefix, [key.prefix for key in keys])
    raise NotFound(
        f"There is no API key {prefix[:64]!r}.",
        hint=f"Did you mean {near}?" if near else "See which there are: toolward key list",
    )


def _about(key: ApiKey) -> str:
    until = "until it is revoked" if key.expires is None else f"until {_time(key.expires)}"
    as_whom = ", ".join(key.principal.labels)
    narrowed = "" if key.scopes is None else f", narrowed to {', '.join(key.scopes) or 'nothing'}"
    return f"the key {key.prefix} proves {as_whom}{narrowed}, {until}"


def _shown(key: ApiKey) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(key)
    del fields["sha256"]
    return fields


def _row(key: ApiKey) -> tuple[object, ...]:
    scopes = "all" if key.scopes is None else ", ".join(key.scopes) or "nothing"
    return (
        key.prefix, key.owner, ", ".join(key.roles), key.tenant, shorten(scopes, 60), _time(key.created),
        _NEVER if key.expires is None else _time(key.expires), _time(key.revoked) if key.revoked else "",
        shorten(key.name, 40),
    )  # fmt: skip


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ")
