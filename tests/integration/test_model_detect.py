"""What the environment names, and which model servers answer on this computer."""

import asyncio
from urllib.parse import urlsplit

import pytest

from gateway.core.model_spec import ModelSpec
from gateway.models.detect import (
    ANTHROPIC_MODEL,
    OPENAI_MODEL,
    LocalServer,
    UsualPort,
    find_local,
    from_environment,
)
from tests.endpoints import scripted_endpoint
from toolward.errors import ConfigurationError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_an_empty_environment_names_nothing() -> None:
    assert from_environment({}) is None
    assert from_environment({"OPENAI_API_KEY": "  ", "TOOLWARD_MODEL_URL": ""}) is None


def test_an_openai_key() -> None:
    found = from_environment({"OPENAI_API_KEY": "sk-1\n"})
    assert found == ModelSpec(
        name="openai",
        wire="openai_chat",
        base_url="https://api.openai.com/v1",
        model=OPENAI_MODEL,
        api_key="sk-1",
        key_setting="OPENAI_API_KEY",
    )


def test_another_model_and_another_vendor_for_an_openai_key() -> None:
    found = from_environment(
        {
            "OPENAI_API_KEY": "k",
            "TOOLWARD_MODEL_NAME": "big",
            "OPENAI_BASE_URL": "https://vendor.example/api/",
        }
    )
    assert found is not None
    assert (found.model, found.base_url) == ("big", "https://vendor.example/api")


def test_a_url_of_ones_own_comes_first_and_never_gets_the_openai_key() -> None:
    found = from_environment(
        {
            "TOOLWARD_MODEL_URL": "http://127.0.0.1:11434",
            "TOOLWARD_MODEL_NAME": "qwen3",
            "OPENAI_API_KEY": "sk-1",
        }
    )
    assert found is not None
    assert (found.base_url, found.model, found.api_key) == ("http://127.0.0.1:11434/v1", "qwen3", "")


def test_where_its_name_may_lead_can_be_said() -> None:
    found = from_environment(
        {
            "TOOLWARD_MODEL_URL": "http://ollama:11434",
            "TOOLWARD_MODEL_NAME": "m",
            "TOOLWARD_MODEL_NETWORKS": "private, 127.0.0.0/8",
        }
    )
    assert found is not None
    assert found.networks == ("private", "127.0.0.0/8")


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"TOOLWARD_MODEL_URL": "http://h.example/v1"}, "TOOLWARD_MODEL_NAME is not"),
        ({"TOOLWARD_MODEL_KEY": "hunter2"}, "TOOLWARD_MODEL_URL is not"),
        ({"TOOLWARD_MODEL_KEY": "hunter2", "OPENAI_API_KEY": "sk-1"}, "TOOLWARD_MODEL_URL is not"),
        ({"TOOLWARD_MODEL_NAME": "qwen3"}, "nothing says where"),
        ({"TOOLWARD_MODEL_WIRE": "openai_chat", "ANTHROPIC_API_KEY": "hunter2"}, "nothing says where"),
        ({"TOOLWARD_MODEL_WIRE": "openai"}, "'openai', which is no wire"),
    ],
)
def test_half_a_setting_is_refused(environment: dict[str, str], names: str) -> None:
    with pytest.raises(ConfigurationError, match=names) as caught:
        from_environment(environment)
    assert "hunter2" not in caught.value.text


def test_a_printed_setting_hides_its_key() -> None:
    found = from_environment({"OPENAI_API_KEY": "hunter2"})
    assert found is not None
    assert "hunter2" not in f"{found} {found!r}"


WITH_BOTH = {"OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-ant"}
ANTHROPIC = ("anthropic_messages", "https://api.anthropic.com/v1", ANTHROPIC_MODEL, "sk-ant")


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"ANTHROPIC_API_KEY": "sk-ant"}, ANTHROPIC),
        (
            {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://127.0.0.1:4000/x/"},
            ("anthropic_messages", "http://127.0.0.1:4000/x/v1", ANTHROPIC_MODEL, "k"),
        ),
        (WITH_BOTH, ("openai_chat", "https://api.openai.com/v1", OPENAI_MODEL, "sk-1")),
        (WITH_BOTH | {"TOOLWARD_MODEL_WIRE": "anthropic_messages"}, ANTHROPIC),
        (
            WITH_BOTH | {"TOOLWARD_MODEL_WIRE": "openai_responses"},
            ("openai_responses", "https://api.openai.com/v1", OPENAI_MODEL, "sk-1"),
        ),
        (
            WITH_BOTH
            | {
                "TOOLWARD_MODEL_WIRE": "anthropic_messages",
                "TOOLWARD_MODEL_URL": "http://h:1",
                "TOOLWARD_MODEL_NAME": "m",
            },
            ("anthropic_messages", "http://h:1/v1", "m", ""),
        ),
        (WITH_BOTH | {"TOOLWARD_MODEL_WIRE": "offline"}, ("offline", "", "", "")),
    ],
)
def test_which_vendor_and_which_wire(environment: dict[str, str], found: tuple[str, str, str, str]) -> None:
    spec = from_environment(environment)
    assert spec is not None
    assert (spec.wire, spec.base_url, spec.model, spec.api_key) == found


async def test_local_servers_are_found_and_everything_else_is_passed_over() -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{"a": 1}')
        writer.close()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with scripted_endpoint() as closed:
        nobody = port_of(closed.url)
    async with scripted_endpoint() as one, scripted_endpoint() as two:
        servers = [await asyncio.start_server(each, "127.0.0.1", 0) for each in (page, mute)]
        others = [UsualPort("other", server.sockets[0].getsockname()[1]) for server in servers]
        ports = (
            UsualPort("b", port_of(one.url)),
            *others,
            UsualPort("c", nobody),
            UsualPort("a", port_of(two.url)),
        )
        found = await find_local(2, ports)
        for server in servers:
            server.close()
            await server.wait_closed()
    assert found == (LocalServer("b", one.url, "scripted"), LocalServer("a", two.url, "scripted"))


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
