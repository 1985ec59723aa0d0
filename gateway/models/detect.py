"""Which model endpoint the environment names, and which model servers run on this computer. Found ones are
offered to a person; nothing is switched to by itself."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from toolward.errors import ConfigurationError, ToolwardError
from toolward.outbound.pool import Pool

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-5-mini"
"""Where OPENAI_API_KEY is set and TOOLWARD_MODEL_NAME is not."""

_MAX_LIST = 1024 * 1024  # bytes of a list of models


class EndpointSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a model. `key_setting` is where the key came from, for errors."""

    name: str
    wire: Literal["openai_chat"] = "openai_chat"
    base_url: str
    model: str
    api_key: str = ""
    key_setting: str = ""
    networks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"EndpointSettings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        shown = {field: getattr(self, field) for field in self.__struct_fields__}
        return list((shown | {"api_key": "…" if self.api_key else ""}).items())


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


def from_environment(environment: Mapping[str, str]) -> EndpointSettings | None:
    """The endpoint that TOOLWARD_MODEL_URL, _NAME, _KEY and _NETWORKS (with commas) describe, else OpenAI's if
    OPENAI_API_KEY is set (OPENAI_BASE_URL is heeded: the key may be another vendor's), else None. A URL without a
    path gets `/v1`. Raises ConfigurationError where the variables say only half of it."""
    url, model, key, openai_key, openai_url, networks = (
        environment.get(name, "").strip()
        for name in (
            "TOOLWARD_MODEL_URL",
            "TOOLWARD_MODEL_NAME",
            "TOOLWARD_MODEL_KEY",
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "TOOLWARD_MODEL_NETWORKS",
        )
    )
    if url:
        if not model:
            raise ConfigurationError(
                "TOOLWARD_MODEL_URL is set, and TOOLWARD_MODEL_NAME is not.",
                hint="Set it to the name of a model that the endpoint serves.",
            )
        return EndpointSettings(
            name="environment",
            base_url=_with_version(url),
            model=model,
            api_key=key,
            key_setting="TOOLWARD_MODEL_KEY",
            networks=_words(networks),
        )
    if key:  # which server it is for is not known, and a key is not tried on several
        raise ConfigurationError(
            "TOOLWARD_MODEL_KEY is set, and TOOLWARD_MODEL_URL is not.",
            hint="Set the URL that the key is for, or OPENAI_API_KEY if it is OpenAI's.",
        )
    if openai_key:
        return EndpointSettings(
            name="openai",
            base_url=_with_version(openai_url or OPENAI_URL),
            model=model or OPENAI_MODEL,
            api_key=openai_key,
            key_setting="OPENAI_API_KEY",
            networks=_words(networks),
        )
    if model:
        raise ConfigurationError(
            "TOOLWARD_MODEL_NAME is set, but nothing says where that model is.",
            hint="Set TOOLWARD_MODEL_URL too, or OPENAI_API_KEY.",
        )
    return None


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
