"""What a model endpoint is made from: configuration and environment make these, the models' room connects by
them."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.core.spec import Quiet
from toolward.types import Json

WireName = Literal["openai_chat", "openai_responses", "anthropic_messages", "offline"]
ToolMode = Literal["native", "json_actions"]

MODEL_TIMEOUT = 120.0  # seconds for one reply
MODEL_CONCURRENCY = 64  # replies of one endpoint in work at once
RETRIES = 2  # of one request, beside the first time

BILLION = 10**9
"""Billionths of a US dollar in one: how money is counted everywhere inside."""

OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_URL = "https://api.anthropic.com/v1"
USUAL_URLS: Mapping[str, str] = {"openai_responses": OPENAI_URL, "anthropic_messages": ANTHROPIC_URL}
"""Where a wire leads that one vendor speaks. Chat completions are everybody's: there the address must be said, for
a key goes there."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Prices in billionths of a US dollar: of a million tokens, and of a request. `None` = as the whole that it is
    a part of: input for the cache's, output for reasoning."""

    input: int
    output: int
    cached: int | None = None
    cache_written: int | None = None
    reasoning: int | None = None
    request: int = 0


class ModelSpec(Quiet, frozen=True, kw_only=True):
    """A model endpoint. `key_setting` says in errors where the key is set. `networks` as in `gateway.core.spec`;
    `extra` goes into every request's body, over what we would write there."""

    name: str
    wire: WireName
    base_url: str = ""
    model: str = ""
    api_key: str = ""
    key_setting: str = ""
    headers: Mapping[str, str] = {}
    timeout: float = MODEL_TIMEOUT  # seconds for one reply, from when its request is sent
    networks: tuple[str, ...] = ()
    rates: Rates | None = None  # None = as the list of known models says
    context_tokens: int = 0  # 0 = as that list says
    max_output_tokens: int = 0  # 0 = not said
    concurrency: int = MODEL_CONCURRENCY
    retries: int = RETRIES
    stream: bool = True
    strict: bool = False
    parallel_calls: bool = True
    tools: ToolMode = "native"
    cache: bool = True
    extra: Mapping[str, Json] = {}
