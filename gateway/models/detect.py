"""Which model endpoint the environment names, and which model servers run on this computer. Found ones are
offered to a person; nothing is switched to by itself."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast, get_args

import msgspec

from gateway.core.model_spec import ANTHROPIC_URL, OPENAI_URL, ModelSpec, WireName
from toolward.errors import ConfigurationError, ToolwardError
from toolward.names import closest
from toolward.outbound.pool import Pool

OPENAI_MODEL = "gpt-5-mini"
"""Where OPENAI_API_KEY is set and TOOLWARD_MODEL_NAME is not."""

ANTHROPIC_MODEL = "claude-haiku-4-5"
"""Where ANTHROPIC_API_KEY is, likewise."""

_MAX_LIST = 1024 * 1024  # bytes of a list of models
_URL, _NAME, _KEY = "TOOLWARD_MODEL_URL", "TOOLWARD_MODEL_NAME", "TOOLWARD_MODEL_KEY"
_WIRE, _NETWORKS = "TOOLWARD_MODEL_WIRE", "TOOLWARD_MODEL_NETWORKS"
VARIABLES = (
    *(_URL, _NAME, _KEY, _WIRE, _NETWORKS),
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
)
"""All that is looked at."""


class LocalServer(NamedTuple):
    """A model server that answered on this computer."""

    name: str
    base_url: str
    model: str  # the first that it lists


class UsualPort(NamedTuple):
    name: str
    port: int


USUAL_PORTS = (
    UsualPort("Ollama", 11434),
    UsualPort("llama.cpp", 8080),
    UsualPort("vLLM", 8000),
    UsualPort("LM Studio", 1234),
)


def from_environment(environment: Mapping[str, str]) -> ModelSpec | None:
    """The endpoint that TOOLWARD_MODEL_URL, _NAME, _KEY, _WIRE and _NETWORKS (with commas) describe, else the
    vendor's whose key is set: OPENAI_API_KEY, then ANTHROPIC_API_KEY, unless _WIRE says which (OPENAI_BASE_URL and
    ANTHROPIC_BASE_URL are heeded: a key may be for somebody else); else None. A URL without a path gets `/v1`.
    Raises ConfigurationError where the variables say only half of it."""
    given = {name: environment.get(name, "").strip() for name in VARIABLES}
    wire, model = _wire(given[_WIRE]), given[_NAME]
    if wire == "offline":
        return ModelSpec(name="offline", wire="offline")
    if given[_URL]:
        if not model:
            raise ConfigurationError(
                f"{_URL} is set, and {_NAME} is not.",
                hint="Set it to the name of a model that the endpoint serves.",
            )
        return _spec("environment", wire or "openai_chat", _with_version(given[_URL]), model, _KEY, given)
    if given[_KEY]:  # which server it is for is not known, and a key is not tried on several
        raise ConfigurationError(
            f"{_KEY} is set, and {_URL} is not.",
            hint="Set the URL that the key is for, or OPENAI_API_KEY or ANTHROPIC_API_KEY if it is theirs.",
        )
    if given["OPENAI_API_KEY"] and wire in (None, "openai_chat", "openai_responses"):
        url = _with_version(given["OPENAI_BASE_URL"] or OPENAI_URL)
        return _spec("openai", wire or "openai_chat", url, model or OPENAI_MODEL, "OPENAI_API_KEY", given)
    if given["ANTHROPIC_API_KEY"] and wire in (None, "anthropic_messages"):
        # The vendor's own libraries put the version behind this one, whatever its path.
        url = f"{(given['ANTHROPIC_BASE_URL'] or ANTHROPIC_URL).rstrip('/').removesuffix('/v1')}/v1"
        name = model or ANTHROPIC_MODEL
        return _spec("anthropic", "anthropic_messages", url, name, "ANTHROPIC_API_KEY", given)
    if model or wire:
        raise ConfigurationError(
            f"{_NAME if model else _WIRE} is set, but nothing says where that model is.",
            hint=f"Set {_URL} too, or {_vendor_keys(wire)}.",
        )
    return None


def _spec(
    name: str, wire: WireName, base_url: str, model: str, key_setting: str, given: Mapping[str, str]
) -> ModelSpec:
    return ModelSpec(
        name=name,
        wire=wire,
        base_url=base_url,
        model=model,
        api_key=given[key_setting],
        key_setting=key_setting,
        networks=_words(given[_NETWORKS]),
    )


def _wire(text: str) -> WireName | None:
    known = get_args(WireName)
    if text and text not in known:
        near = closest(text, known)
        raise ConfigurationError(
            f"{_WIRE} is {text[:60]!r}, which is no wire.",
            hint=f"Did you mean {near!r}?" if near else f"Set it to one of {', '.join(known)}.",
        )
    return cast(WireName, text) if text else None


def _vendor_keys(wire: WireName | None) -> str:
    if wire is None:
        return "OPENAI_API_KEY or ANTHROPIC_API_KEY"
    return "ANTHROPIC_API_KEY" if wire == "anthropic_messages" else "OPENAI_API_KEY"


async def find_local(
    timeout: float = 0.3,  # noqa: ASYNC109 -- it bounds each request, not the whole
    ports: Sequence[UsualPort] = USUAL_PORTS,
) -> tuple[LocalServer, ...]:
    """The model servers that answer `GET /v1/models` on loopback within `timeout` seconds, all asked at once,
    in the order of `ports`. What answers anything else is passed over in silence."""
    found = await asyncio.gather(*(_ask(usual, timeout) for usual in ports))
    return tuple(server for server in found if server is not None)


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


async def _ask(usual: UsualPort, seconds: float) -> LocalServer | None:
    base_url = f"http://127.0.0.1:{usual.port}"
    try:
        async with Pool(base_url, limit=1, max_body=_MAX_LIST) as pool:
            response = await pool.request("GET", "/v1/models", timeout=seconds)
        models: Any = msgspec.json.decode(response.body, type=_Models) if response.status == 200 else None
    except (ToolwardError, ValueError, RecursionError):
        return None
    if models is None or not models.data:
        return None
    return LocalServer(usual.name, f"{base_url}/v1", models.data[0].id)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _with_version(url: str) -> str:
    """`http://127.0.0.1:11434` -> `http://127.0.0.1:11434/v1`; a path that is given is left alone."""
    bare = url.rstrip("/")
    return bare if "/" in bare.partition("://")[2] else f"{bare}/v1"
