"""The section `models` of `toolward.yaml`: model endpoints, each with its wire, its address, its bounds and its
prices."""

import re
from collections.abc import Mapping
from typing import cast, get_args

from gateway.config.convert import networks, url
from gateway.config.reader import Section
from gateway.core.model_spec import (
    BILLION,
    MODEL_CONCURRENCY,
    MODEL_TIMEOUT,
    RETRIES,
    USUAL_URLS,
    ModelSpec,
    Rates,
    ToolMode,
    WireName,
)
from toolward.types import Json, JsonObject

MOST_RETRIES = 10
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SENDABLE = re.compile(r"[!-~]*")
_OURS = ("host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding")
_WRITTEN = {"model", "messages", "input", "system", "instructions", "tools", "stream"}
"""Of a body: what the gateway must write itself."""

_KEYS = (
    "wire", "base_url", "model", "api_key", "headers", "timeout", "networks", "prices", "context_tokens",
    "max_output_tokens", "concurrency", "retries", "stream", "strict", "parallel_calls", "tools", "cache", "body",
)  # fmt: skip


def read_model(name: str, at: Section) -> ModelSpec:
    if not _NAME.fullmatch(name):
        at.amiss("is no name for a model endpoint; use A-Z, a-z, 0-9 and _.-, at most 64 of them")
    wire = cast(WireName, at.one_of("wire", *get_args(WireName)))
    if wire == "offline":
        at.only("wire")
        return ModelSpec(name=name, wire=wire)
    if name == "offline":
        at.amiss("has the name of the stand-in that is always there; give it another one")
    at.only(*_KEYS)
    return ModelSpec(
        name=name,
        wire=wire,
        base_url=_base_url(at, wire),
        model=at.needed_text("model", "model: the-model"),
        api_key=_key(at),
        key_setting=f"models.{name}.api_key",
        headers=_headers(at),
        timeout=at.seconds("timeout", MODEL_TIMEOUT),
        networks=networks(at),
        rates=_rates(at.section("prices")) if "prices" in at else None,
        context_tokens=at.count("context_tokens", 0, least=0, most=100_000_000),
        max_output_tokens=at.count("max_output_tokens", 0, least=0, most=10_000_000),
        concurrency=at.count("concurrency", MODEL_CONCURRENCY, least=1, most=10_000),
        retries=at.count("retries", RETRIES, least=0, most=MOST_RETRIES),
        stream=at.flag("stream", True),
        strict=at.flag("strict", False),
        parallel_calls=at.flag("parallel_calls", True),
        tools=cast(ToolMode, at.one_of("tools", *get_args(ToolMode))) if "tools" in at else "native",
        cache=at.flag("cache", True),
        extra=_body(at),
    )


def _base_url(at: Section, wire: WireName) -> str:
    if "base_url" not in at and wire not in USUAL_URLS:
        at.missing("base_url", "base_url: https://api.example/v1")
    found = at.converted(
        "base_url", url, USUAL_URLS.get(wire, ""), "a URL such as https://api.example/v1, without credentials"
    )
    if "?" in found or "#" in found:
        at.wrong("base_url", "can hold no query; set such values under headers")
    return found


def _key(at: Section) -> str:
    key = at.text("api_key", secret=True)
    if not _SENDABLE.fullmatch(key.strip()):
        at.wrong("api_key", "holds what no key does; look for a line break, a space or a typographic quote")
    return key


def _headers(at: Section) -> Mapping[str, str]:
    found = at.text_map("headers")
    inner = at.section("headers")
    for name, value in found.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OURS:
            inner.wrong(name, "is no header that can be set here")
        elif not _SENDABLE.fullmatch(value.replace(" ", "")):
            inner.wrong(name, "holds what no header may; look for a line break or a typographic quote")
    return found


def _rates(at: Section) -> Rates:
    at.only("input", "cached_input", "cache_write", "output")
    for key in ("input", "output"):
        if key not in at:
            at.missing(key, f"{key}: 2.5")
    return Rates(
        input=at.dollars("input"),
        cached=at.dollars("cached_input") if "cached_input" in at else None,
        cache_written=at.dollars("cache_write") if "cache_write" in at else None,
        output=at.dollars("output"),
    )


def prices(rates: Rates) -> dict[str, float]:
    """The same, as a file says it: US dollars for a million tokens."""
    given = {
        "input": rates.input,
        "cached_input": rates.cached,
        "cache_write": rates.cache_written,
        "output": rates.output,
    }
    return {name: value / BILLION for name, value in given.items() if value is not None}


def _body(at: Section) -> Mapping[str, Json]:
    inner = at.section("body")
    for key in inner:
        if key in _WRITTEN:
            inner.wrong(key, "is what the gateway writes itself; remove it")
    found = at.raw("body")
    return cast(JsonObject, found) if isinstance(found, dict) else {}
