"""`toolward config path|show|trust`."""

import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, cast

from cyclopts import Parameter
from ruamel.yaml import YAML

from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, note, print_json
from gateway.cli.session import Common
from gateway.cli.tables import print_table
from gateway.config.find import NAME, Found, find_config, home_directory, make_home, read_found, user_config
from gateway.config.lockfile import lock_path
from gateway.config.models import prices
from gateway.config.secrets import Substituted, as_written
from gateway.config.settings import Settings
from gateway.config.source import shown
from gateway.config.trust import REMEDY, changes, is_trusted, trust, trusted_as, would_start
from gateway.core.model_spec import BILLION, ModelSpec
from gateway.core.spec import GrpcSpec, Launch, OAuthSpec, ReminderSpec, Spec, StdioSpec
from toolward.auth.jwt_settings import SignIn
from toolward.errors import ConfigurationError
from toolward.printable import printable, printable_lines

_IN_FILE = "(in the file)"


def path(
    *,
    all: Annotated[  # noqa: A002 -- the option's name
        bool, Parameter(name="--all", help="every place where something is kept", negative=())
    ] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Say which configuration is in force, and why."""
    found, home = find_config(common.config), home_directory()
    places = [*_places(found, home)] if all else []
    if common.json:
        at = None if found.path is None else str(found.path)
        told = {"path": at, "origin": found.origin, "why": found.why, "home": str(home)}
        listed = [{"path": str(one), "is_there": one.exists(), "holds": holds} for one, holds in places]
        print_json(told | ({"places": listed} if all else {}))
    elif all:
        rows = [(str(one), "yes" if one.exists() else "no", holds) for one, holds in places]
        print_table(("place", "is there", "holds"), rows)
    else:
        print(printable(found.why))
    return EXIT_OK


def _places(found: Found, home: Path) -> Iterator[tuple[Path, str]]:
    """What to remove to leave no trace, beside the program itself and what desktop clients were told of it."""
    yield home, "all state: ledger, checkpoints, keys, secret, logs, the data of the servers that come along"
    if (own := user_config()) is not None:
        yield own, "your configuration"
    if found.path is not None and found.path != own:
        yield found.path.absolute(), "the configuration in force"
    with suppress(ConfigurationError):
        settings = read_found(found, home)
        yield lock_path(settings.lock_file, home), "the tools as they were pinned"
        if settings.checkpoints is not None:
            yield settings.checkpoints, "the ledger's checkpoints, kept elsewhere"


def show(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Show the configuration in force, with secrets as references."""
    found, home = find_config(common.config), home_directory()
    settings = read_found(found, home)
    trusted = _holds(found, settings, home)
    shown_settings = _settings(settings)
    if common.json:
        print_json({"origin": found.origin, "trusted": trusted, "configuration": shown_settings})
        return EXIT_OK
    text = io.StringIO()
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.sort_base_mapping_type_on_output = False, 110, False
    yaml.dump(shown_settings, text)
    print(printable_lines(text.getvalue().rstrip()))
    for line in settings.notes:
        note(f"{coloured('note', 'ask')}  {printable(line)}")
    if not trusted:
        note(f"It is not trusted, so nothing of it is used. {REMEDY}")
    return EXIT_OK


def trust_config(
    file: Annotated[Path | None, Parameter(help=f"without it, {NAME} in this folder")] = None,
    /,
    *,
    yes: Annotated[bool, Parameter(help="trust it without being asked", negative=())] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Show what a configuration would start, and trust it if you say so."""
    at, home = (file or common.config or Path(NAME)).absolute(), home_directory()
    settings = read_found(Found("flag", at), home)
    before = trusted_as(at, home)
    lines = list(would_start(settings) if before is None else changes(before, settings))
    again = before is not None and before.digest == settings.digest
    if not common.json:
        _say(at, lines, settings, again=again, first=before is None)
    agreed = again or yes or (not common.json and _agrees())
    if agreed and not again:
        trust(at, settings, make_home(home))
    if common.json:
        print_json(
            {
                "path": str(at),
                "trusted": agreed,
                "would_start": would_start(settings),
                "notes": settings.notes,
            }
        )
    elif agreed and not again:
        note(f"Trusted: {shown(at)}, until something in it changes that can start a process.")
    elif not agreed:
        note("Not trusted. To trust it without being asked, add --yes.")
    return EXIT_OK if agreed else EXIT_FAILED


def _say(at: Path, lines: list[str], settings: Settings, *, again: bool, first: bool) -> None:
    name = shown(at)
    if again:
        note(f"{name} is trusted as it is. It starts or reaches:")
    else:
        note(f"{name} would start or reach:" if first else f"{name} would now start or reach, unlike before:")
    for line in lines or ["nothing"]:
        print(f"  {printable(line)}")
    for line in settings.notes:
        note(f"  {coloured('note', 'ask')}  {printable(line)}")


def _agrees() -> bool:
    if not sys.stdin.isatty():
        return False
    note("Trust it? Its programs get your rights. [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _holds(found: Found, settings: Settings, home: Path) -> bool:
    if found.path is None or found.origin != "working directory":
        return True
    return is_trusted(found.path, settings, home)


def _settings(settings: Settings) -> dict[str, Any]:
    """As `toolward.yaml` would say it, without a value that is or may be a secret."""
    return {
        "version": 1,
        "source": settings.source,
        "backends": {spec.name: _backend(spec, settings) for spec in settings.backends},
        "models": {one.name: _model(one) for one in settings.models},
        "agents": [str(one) for one in settings.agents],
        "policies": [str(one) for one in settings.policies],
        "principals": [
            _filled(
                id=one.id,
                roles=list(one.roles),
                tenant=one.tenant,
                token=_secret(one.token),
                certificate=one.certificate,
            )
            for one in settings.principals
        ],
        "gateways": [
            _filled(id=one.id, key=_secret(one.key), tenants=list(one.tenants), roles=list(one.roles))
            for one in settings.gateways
        ],
        "http": str(settings.http),
        "grpc": str(settings.grpc),
        "budgets": [
            _filled(
                principals=list(one.principals),
                tokens_per_day=one.tokens_per_day,
                cost_per_day=one.cost_per_day / BILLION,
                per=one.per,
            )
            for one in settings.budgets
        ],
        "inbox": {"reminders": [_reminder(one) for one in settings.reminders]},
        **_filled(tls=_tls(settings), identity=_identity(settings)),
    }  # fmt: skip


def _tls(settings: Settings) -> dict[str, Any]:
    tls = settings.tls
    if tls is None:
        return {}
    ca = "" if tls.client_ca is None else str(tls.client_ca)
    return _filled(
        certificate=str(tls.certificate), key=str(tls.key), client_ca=ca, clients=tls.clients if ca else ""
    )


def _identity(settings: Settings) -> dict[str, Any]:
    """Without the secrets of `sign_in`."""
    if not settings.identity:
        return {}
    providers = [
        _filled(**{name: _shown(getattr(one, name)) for name in one.__struct_fields__})
        for one in settings.identity
    ]
    return _filled(resource=as_written(settings.resource), providers=providers)


def _shown(value: Any) -> Any:
    if isinstance(value, SignIn):
        return _filled(client_id=value.client_id, auth=value.auth, name=value.name, scope=value.scope)
    if isinstance(value, tuple):
        return [_shown(one) for one in cast(tuple[Any, ...], value)]
    if isinstance(value, Mapping):
        return {name: _shown(one) for name, one in cast(Mapping[str, Any], value).items()}
    return as_written(value) if isinstance(value, str) else value


_USUAL = ModelSpec(name="", wire="offline")


def _model(one: ModelSpec) -> dict[str, Any]:
    """What differs from the usual, beside what it must say."""
    said = (
        "timeout", "context_tokens", "max_output_tokens", "concurrency", "retries", "stream", "strict",
        "parallel_calls", "tools", "cache",
    )  # fmt: skip
    return _filled(
        wire=one.wire,
        base_url=as_written(one.base_url),
        model=as_written(one.model),
        api_key=_secret(one.api_key),
        headers={name: _secret(value) for name, value in one.headers.items()},
        networks=list(one.networks),
        prices={} if one.rates is None else prices(one.rates),
        body=dict.fromkeys(one.extra, _IN_FILE),
    ) | {name: getattr(one, name) for name in said if getattr(one, name) != getattr(_USUAL, name)}


def _reminder(one: ReminderSpec) -> dict[str, Any]:
    return _filled(
        url=as_written(one.url).partition("?")[0],  # keys hide in queries
        secret=_secret(one.secret),
        after=f"{one.after:g}s",
        every=f"{one.every:g}s",
        at_most=one.at_most,
        kinds=[kind.value for kind in one.kinds],
        networks=list(one.networks),
    )


def _backend(spec: Spec, settings: Settings) -> dict[str, Any]:
    launch = spec.launch if isinstance(spec, StdioSpec) else spec.start
    facts = {name: fact for name, fact in settings.facts.items() if name.partition(".")[0] == spec.name}
    reached: dict[str, Any] = {}
    if isinstance(spec, StdioSpec):
        reached = {"command": _words(spec.launch)}
    elif isinstance(spec, GrpcSpec):
        reached = {
            "grpc": spec.address,
            "token": _secret(spec.token),
            "oauth": _oauth(spec.oauth),
            "start": _words(spec.start),
        }
    else:
        headers = {name: _secret(value) for name, value in spec.headers.items()}
        reached = {
            "url": spec.address,
            "token": _secret(spec.token),
            "headers": headers,
            "oauth": _oauth(spec.oauth),
            "start": _words(spec.start),
        }
    return _filled(
        **reached,
        env={} if launch is None else {name: _secret(value) for name, value in launch.env.items()},
        cwd="" if launch is None or launch.cwd is None else str(launch.cwd),
        timeout=spec.timeout,
        on_behalf_of=spec.on_behalf_of,
        principal_key=_secret(spec.principal_key),
        trust_annotations=spec.name in settings.trusted_annotations,
        facts={
            name.partition(".")[2]: {
                "changes": one.changes,
                "idempotent": one.idempotent,
                "keeps_keys": one.keeps_keys,
            }
            for name, one in facts.items()
        },
    )


def _oauth(one: OAuthSpec | None) -> dict[str, Any]:
    if one is None:
        return {}
    return _filled(
        token_url=as_written(one.token_url).partition("?")[0],
        client_id=as_written(one.client_id),
        client_secret=_secret(one.client_secret),
        auth=one.auth,
        scope=as_written(one.scope),
        audience=as_written(one.audience),
        resource=as_written(one.resource),
        exchange=one.exchange,
        networks=list(one.networks),
    )


def _words(launch: Launch | None) -> list[str]:
    return [] if launch is None else [as_written(word) for word in launch.command]


def _secret(value: str) -> str:
    """The reference, if it is one; else only that there is a value."""
    if isinstance(value, Substituted):
        return as_written(value)
    return _IN_FILE if value else ""


def _filled(**values: Any) -> dict[str, Any]:
    """Without what is empty or false."""
    return {name: value for name, value in values.items() if value}
