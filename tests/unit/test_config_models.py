"""The section `models`: what it may say, and how a mistake is told."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.models import read_model
from gateway.config.parse import read_settings
from gateway.config.reader import Problems, Section
from gateway.config.source import YamlSource
from gateway.core.model_spec import ANTHROPIC_URL, OPENAI_URL, ModelSpec, Rates
from toolward.errors import ConfigurationError
from toolward.types import Json

FULL = """
version: 1
models:
  default:
    wire: openai_chat
    base_url: https://llm.example/v1
    model: ${env:MODEL}
    api_key: ${env:KEY}
    headers: {X-Team: "team-${env:KEY}"}
    timeout: 60
    networks: [private]
    prices: {input: 2.5, cached_input: 0.25, cache_write: 3.125, output: 10}
    context_tokens: 128000
    max_output_tokens: 4096
    concurrency: 8
    retries: 0
    stream: false
    strict: true
    parallel_calls: false
    tools: json_actions
    cache: false
    body: {reasoning_effort: low, metadata: {team: "${env:KEY}"}}
  theirs: {wire: anthropic_messages, model: claude-x}
  openai: {wire: openai_responses, model: gpt-x, prices: {input: 1, output: 0.0375}}
"""


def read(folder: Path, text: str) -> tuple[ModelSpec, ...]:
    (folder / "toolward.yaml").write_text(text)
    return read_settings(folder / "toolward.yaml", {"KEY": "k3y", "MODEL": "m"}).models


def test_everything_that_an_endpoint_can_be(tmp_path: Path) -> None:
    default, theirs, openai = read(tmp_path, FULL)
    assert default == ModelSpec(
        name="default",
        wire="openai_chat",
        base_url="https://llm.example/v1",
        model="m",
        api_key="k3y",
        key_setting="models.default.api_key",
        headers={"X-Team": "team-k3y"},
        timeout=60,
        networks=("private",),
        rates=Rates(
            input=2_500_000_000, cached=250_000_000, cache_written=3_125_000_000, output=10_000_000_000
        ),
        context_tokens=128_000,
        max_output_tokens=4096,
        concurrency=8,
        retries=0,
        stream=False,
        strict=True,
        parallel_calls=False,
        tools="json_actions",
        cache=False,
        extra={"reasoning_effort": "low", "metadata": {"team": "k3y"}},
    )
    assert "k3y" not in repr(default)
    assert (theirs.base_url, theirs.rates, theirs.stream, theirs.tools) == (
        ANTHROPIC_URL,
        None,
        True,
        "native",
    )
    assert openai.base_url == OPENAI_URL
    assert openai.rates == Rates(input=1_000_000_000, output=37_500_000)


ONE = (
    "version: 1\nmodels:\n  m:\n    wire: openai_chat\n    base_url: https://a.example/v1\n    model: x\n    "
)
AT = "toolward.yaml:7: models.m"
BAD = [
    ("promt: x", f"{AT} has an unknown key 'promt'"),
    ("prices: {input: 1}", f"{AT}.prices lacks the key 'output'; write, for example, output: 2.5"),
    (
        "prices: {input: -1, output: 1}",
        f"{AT}.prices.input must be a number of US dollars, from 0 to",
    ),
    ("prices: {input: free, output: 1}", f"{AT}.prices.input must be a number of US dollars"),
    ("prices: {input: 1, output: 1, cached: 1}", "an unknown key 'cached'; did you mean 'cached_input'?"),
    ("prices: 3", f"{AT}.prices must be a mapping, not 3"),
    ("tools: json", f"{AT}.tools must be native or json_actions, not 'json'"),
    ("concurrency: 0", f"{AT}.concurrency must be a whole number from 1 to 10,000, not 0"),
    ("retries: 11", f"{AT}.retries must be a whole number from 0 to 10, not 11"),
    ("context_tokens: 1.5", f"{AT}.context_tokens must be a whole number"),
    ("stream: 1", f"{AT}.stream must be true or false, not 1"),
    ("api_key: 'k3y k3y'", f"{AT}.api_key holds what no key does; look for a line break, a space"),
    ("headers: {Host: x}", f"{AT}.headers.Host is no header that can be set here"),
    ("headers: {X: 'k3y”'}", f"{AT}.headers.X holds what no header may"),
    ("headers: {X: 3}", f"{AT}.headers.X must be text; put it in quotes"),
    ("body: {messages: []}", f"{AT}.body.messages is what the gateway writes itself; remove it"),
    ("body: []", f"{AT}.body must be a mapping, not a list"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[text for text, _ in BAD])
def test_a_mistake_is_told_with_its_line_and_its_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, f"{ONE}{text}\n")
    assert said in caught.value.text
    assert "k3y" not in caught.value.text


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("a b: {wire: offline}", "models.a b is no name for a model endpoint"),
        ("offline: {wire: openai_responses, model: x}", "models.offline has the name of the stand-in"),
        ("m: {wire: offline, model: x}", "models.m has an unknown key 'model'; it may have wire"),
        ("m: {wire: openai_chat, model: x}", "models.m lacks the key 'base_url'"),
        ("m: {wire: openai_responses}", "models.m lacks the key 'model'"),
        ("m: {wire: openai_chat, model: x, base_url: 'https://a/v1?key=k3y'}", "base_url can hold no query"),
        ("m: {wire: openai_respones, model: x}", "did you mean 'openai_responses'?"),
    ],
)
def test_of_names_and_wires(tmp_path: Path, model: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, f"version: 1\nmodels:\n  {model}\n")
    assert said in caught.value.text


VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
KEYS = st.sampled_from(
    ["base_url", "model", "api_key", "headers", "timeout", "networks", "prices", "tools", "body", "stream"]
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_whatever_a_file_holds_is_read_or_refused_in_words(values: dict[str, Json]) -> None:
    data: dict[str, Json] = {"wire": "openai_chat", **values}
    problems = Problems(YamlSource("f.yaml", data, {}))
    spec = read_model("m", Section(problems, ("models", "m"), data))
    assert problems.lines or (spec.model and spec.base_url)
