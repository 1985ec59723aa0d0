"""Trust in a configuration that was found in the working directory.

Whoever unpacks an archive or clones a repository has its files, not its author's good will. So a `toolward.yaml`
that nobody named starts no process, and connects to nothing, until the operator has looked at what it would do and
trusts its digest. A change of the digest asks again.

The digest covers what decides which processes start: `toolward.yaml`, every `mcpServers` file that it names, and
every part of a command or its environment that comes from a file (`${file:...}`). It does not cover the programs
themselves, nor agents and policies: they start nothing.
"""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec

from gateway.config.secrets import Substituted, as_written
from gateway.config.settings import Settings
from gateway.config.source import YamlSource, shown
from gateway.config.whole_files import put
from gateway.core.digests import digest
from gateway.core.spec import GrpcSpec, HttpSpec, Launch, Spec, StdioSpec
from toolward.auth.jwt_settings import JwtSettings
from toolward.errors import ConfigurationError

FILE = "trusted.json"
REMEDY = "Look at what it would start, and trust it: toolward config trust"
_MAX_BYTES = 4 * 1024 * 1024


class Trusted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the operator trusted: a digest, and the lines of `would_start` that they were shown."""

    digest: str
    starts: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    trusted: dict[str, Trusted] = {}  # by the absolute path of the configuration


def digest_of(sources: Iterable[YamlSource], backends: Iterable[Spec]) -> str:
    """Of the files as they were read, whatever they are called from here, and of what else decides which processes
    start."""
    launches = [(spec.name, [_from_files(word) for word in _words(spec)]) for spec in backends]
    return digest([[source.digest for source in sources], launches])


def would_start(settings: Settings) -> tuple[str, ...]:
    """A line for each backend, model endpoint and webhook, for people: commands as they are written, names of
    variables without their values, addresses."""
    lines: list[str] = []
    for spec in settings.backends:
        launch = _launch(spec)
        reached = "" if isinstance(spec, StdioSpec) else f"connects to {spec.address}{_token_from(spec)}"
        does = [part for part in ("" if launch is None else _said(launch), reached) if part]
        lines.append(f"{spec.name}: {'; '.join(does)}")
    lines += [
        f"model {one.name}: connects to {as_written(one.base_url)}" for one in settings.models if one.base_url
    ]
    lines += [f"reminders: connects to {as_written(one.url).partition('?')[0]}" for one in settings.reminders]
    lines += [f"identity: connects to {as_written(_asked(one))}" for one in _reached(settings)]
    return tuple(lines)


def _asked(one: JwtSettings) -> str:
    return one.issuer if one.sign_in else one.keys or one.issuer


def _reached(settings: Settings) -> list[JwtSettings]:
    """Identity providers whose keys come over the network."""
    return [one for one in settings.identity if not one.keys or "://" in one.keys or one.sign_in]


def trusted_file(home: Path) -> Path:
    return home / FILE


def trusted_as(path: Path, home: Path) -> Trusted | None:
    """What was trusted of the configuration at `path`. Raises ConfigurationError where the record is no good."""
    return _read(home).trusted.get(_key(path))


def is_trusted(path: Path, settings: Settings, home: Path) -> bool:
    """Raises ConfigurationError where the record is no good."""
    found = trusted_as(path, home)
    return found is not None and found.digest == settings.digest


def require_trust(path: Path, settings: Settings, home: Path) -> None:
    """Raises ConfigurationError, with what it would start, unless the operator trusts just this configuration."""
    before = trusted_as(path, home)
    if before is not None and before.digest == settings.digest:
        return
    lines = [f"  {line}" for line in would_start(settings)] or ["  nothing"]
    if before is None:
        said = (
            f"{shown(path)} was found in this folder, and nobody has trusted it yet. It would start or reach:"
        )
    else:
        said = f"{shown(path)} has changed since it was trusted. It would now start or reach:"
        lines = list(changes(before, settings))
    hint = f"{REMEDY}. Until then nothing of it is used. (A file that --config names is trusted by that.)"
    raise ConfigurationError("\n".join((said, *lines)), hint=hint)


def changes(before: Trusted, settings: Settings) -> Iterable[str]:
    """The difference to what was trusted before, line by line, marked with +, - or a space."""
    found = [line for line in difflib.ndiff(before.starts, would_start(settings)) if not line.startswith("?")]
    return found or ["  the same programs and addresses; something else in its files has changed"]


def trust(path: Path, settings: Settings, home: Path) -> None:
    """Record that the operator trusts this configuration as it was read. Raises ConfigurationError."""
    known = _read(home)
    mine = Trusted(settings.digest, would_start(settings))
    _write(home, msgspec.structs.replace(known, trusted={**known.trusted, _key(path): mine}))


def _key(path: Path) -> str:
    return str(path.resolve())


def _read(home: Path) -> _File:
    path = trusted_file(home)
    try:
        with path.open("rb") as opened:
            if os.fstat(opened.fileno()).st_mode & 0o022:
                said = f"{path} can be written to by others, so it proves nothing."
                raise ConfigurationError(said, hint=f"Look at it, then run: chmod 600 {path}")
            return msgspec.json.decode(opened.read(_MAX_BYTES), type=_File)
    except FileNotFoundError:
        return _File()
    except OSError as error:
        said = f"{path} cannot be read: {error.strerror or error}."
        raise ConfigurationError(said, hint="Check who may read it.") from None
    except msgspec.DecodeError as error:
        hint = "Remove it, and trust your configurations again: toolward config trust"
        raise ConfigurationError(f"{path} is damaged: {error}.", hint=hint) from None


def _write(home: Path, content: _File) -> None:
    """Whole or not at all; for its owner only."""
    path = trusted_file(home)
    text = msgspec.json.format(msgspec.json.encode(content), indent=2)
    try:
        put(path, text, mode=0o600)
    except OSError as error:
        said = f"{path} cannot be written: {error.strerror or error}."
        raise ConfigurationError(said, hint="Check the folder and who may write to it.") from None


def _token_from(spec: HttpSpec | GrpcSpec) -> str:
    if spec.oauth is None:
        return ""
    where = as_written(spec.oauth.token_url).partition("?")[0]
    how = "for its callers' tokens" if spec.oauth.exchange else "with a token"
    return f" {how} from {where}"


def _launch(spec: Spec) -> Launch | None:
    return spec.launch if isinstance(spec, StdioSpec) else spec.start


def _words(spec: Spec) -> tuple[str, ...]:
    """Whatever says what is started, and what is reached."""
    launch = _launch(spec)
    address = (
        () if isinstance(spec, StdioSpec) else (spec.url if isinstance(spec, HttpSpec) else spec.target,)
    )
    if not isinstance(spec, StdioSpec) and spec.oauth is not None:
        address = (*address, spec.oauth.token_url)
    if launch is None:
        return address
    return (*address, *launch.command, str(launch.cwd or ""), *launch.env, *launch.env.values())


def _from_files(word: str) -> str:
    """As written; where a file has its say, as it is now. (The environment is the operator's own.)"""
    return str(word) if isinstance(word, Substituted) and "${file:" in word.shown else as_written(word)


def _said(launch: Launch) -> str:
    command = " ".join(as_written(word) for word in launch.command)
    there = f" in {launch.cwd}" if launch.cwd else ""
    given = f" with {', '.join(launch.env)}" if launch.env else ""
    return f"starts {command}{there}{given}"
