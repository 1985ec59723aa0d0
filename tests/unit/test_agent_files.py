"""Agents are files, read strictly: what is wrong is told with file and line before anything runs."""

import os
from pathlib import Path

import pytest

from gateway.agent.definition import AgentDefinition, Classifier, Limits, Route
from gateway.cli.agent import check, list_agents
from gateway.cli.session import Common
from gateway.config.agents import MAX_INSTRUCTIONS, load_agents
from gateway.config.shipped import shipped_agents
from toolward.errors import ConfigurationError

ENDPOINTS = ("default", "offline", "strong", "cheap", "tiny")
LEAST = "name: a\ninstructions: x\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str, name: str = "a.yaml") -> AgentDefinition:
    Path(name).write_text(text)
    (agent,) = load_agents([Path(name).absolute()], ENDPOINTS)
    return agent


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    return caught.value.text


def test_a_file_says_all_that_an_agent_is():
    agent = read(
        """
name: support
instructions: |
  Help.
tools: ["crm.*", "people.*"]
tool_search: 0
model: [strong, cheap]
classifier:
  model: tiny
  labels: {easy: looks one thing up, hard: weighs rules}
  default: hard
routes:
  - {labels: [easy], most_tokens: 4_000, first_turn: 1, last_turn: 3, tools: unused, model: cheap}
  - {least_tokens: 60_000, model: [strong, default]}
limits: {turns: 3, tokens: 300_000, cost: 0.25, seconds: 600, context_tokens: 50_000}
people: [self, "role:*-lead"]
"""
    )
    assert (agent.name, agent.instructions, agent.tools) == ("support", "Help.\n", ("crm.*", "people.*"))
    assert agent.limits == Limits(3, 60, 300_000, 250_000_000, 600, 50_000)
    assert agent.classifier == Classifier(
        "tiny", {"easy": "looks one thing up", "hard": "weighs rules"}, "hard"
    )
    assert agent.routes == (
        Route(("cheap",), 0, 4_000, 1, 3, "unused", ("easy",)),
        Route(("strong", "default"), 60_000),
    )
    assert (agent.models, agent.people, agent.tool_search) == (
        ("strong", "cheap"),
        ("self", "role:*-lead"),
        0,
    )


def test_what_a_file_leaves_out_has_the_usual_value():
    usual = read(LEAST)
    assert usual == AgentDefinition(name="a", instructions="x", model=("default",))
    assert usual.limits == Limits()


def test_every_mistake_is_told_at_once_with_its_line():
    said = refused(
        "name: Support!\ntool: [x]\ntools: [crm__x]\nlimits: {turns: 0}\npeople: [self, lea, 'rle:x']"
    )
    assert said == (
        "a.yaml:1: name is 'Support!'; use a-z, 0-9, _ and -, at most 64 of them, a letter first\n"
        "a.yaml:1: the file lacks the key 'instructions'; write, for example, instructions_file: support.md, or"
        " instructions: You help customers.\n"
        "a.yaml:2: the file has an unknown key 'tool'; did you mean 'tools'?\n"
        "a.yaml:3: tools[0] is an alias: write crm.x\n"
        "a.yaml:4: limits.turns must be a whole number from 1 to 1,000, not 0\n"
        "a.yaml:5: people[1] is none of user:NAME, role:NAME, tenant:NAME\n"
        "a.yaml:5: people[2] is none of user:NAME, role:NAME, tenant:NAME; did you mean role:x?"
    )


TWO = "classifier: {model: tiny, labels: {easy: one thing, hard: rules}}\n"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("people: []", "a.yaml:3: people names nobody"),
        ("model: strongest", "a.yaml:3: model names the model endpoint 'strongest', and there is none"),
        ("model: stron", "did you mean 'strong'?"),
        ("model: zzz", "there are cheap, default, offline, strong, tiny"),
        ("model: []", "a.yaml:3: model must be a name or a list of them, and not empty, not a list"),
        ("model: [strong, 7]", "a.yaml:3: model[1] must be text, not 7"),
        ("model: [strong, strong]", "model names 'strong' more than once"),
        (f"model: [{', '.join(f'e{n}' for n in range(9))}]", "model has 9 names, and at most 8 are taken"),
        ("limits: {cost: -1}", "limits.cost must be a number of US dollars, from 0 to 1,000,000, not -1"),
        ("limits: {cost: '1'}", "limits.cost must be a number of US dollars"),
        ("limits: {context_tokens: 10}", "limits.context_tokens must be a whole number from 1000"),
        ("limits: {tokns: 10}", "limits has an unknown key 'tokns'; did you mean 'tokens'?"),
        ("tool_search: -1", "tool_search must be a whole number"),
        ("routes: [{least_tokens: 5}]", "routes[0] lacks the key 'model'"),
        ("routes: [{model: stron}]", "routes[0].model names the model endpoint 'stron'"),
        ("routes: [{model: cheap}, {model: strong, first_turn: 2}]", "routes[1] is never reached"),
        ("routes: [{model: cheap, least_tokens: 9, most_tokens: 8}]", "routes[0].most_tokens is 8, below"),
        ("routes: [{model: cheap, tools: use}]", "routes[0].tools must be offered or none or used or unused"),
        (
            "routes: [{model: cheap, labels: [easy]}]",
            "labels are those of a classifier, and the agent has none",
        ),
        (f"{TWO}routes: [{{model: cheap, labels: [esy]}}]", "routes[0].labels[0] is 'esy', no label of the"),
        (f"{TWO}routes: [{{model: cheap, labels: []}}]", "routes[0].labels is empty"),
        (TWO, "classifier decides nothing"),
        ("classifier: {model: [tiny, cheap], labels: {a: b, c: d}}", "classifier.model names several"),
        ("classifier: {model: tny, labels: {a: b, c: d}}", "classifier.model names the model endpoint 'tny'"),
        ("classifier: {model: tiny, labels: {a: b}}", "classifier.labels must be 2 to 16"),
        ("classifier: {model: tiny, labels: {a: b, C: d}}", "classifier.labels has 'C'"),
        ("classifier: {model: tiny, labels: {a: b, c: d}, default: e}", "classifier.default is 'e'"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(more: str, said: str):
    assert said in refused(LEAST + more)


@pytest.mark.parametrize("name", ["get_run", "send_message", "cancel_run"])
def test_no_agent_has_the_name_of_a_tool_beside_them(name: str):
    said = f"a.yaml:1: name is taken: agents.{name} is a tool of the gateway's own"
    assert said in refused(f"name: {name}\ninstructions: x\n")


def test_two_files_do_not_give_one_name():
    Path("a.yaml").write_text(LEAST)
    Path("b.yaml").write_text(LEAST)
    with pytest.raises(ConfigurationError, match=r"name is 'a', as in a\.yaml; give each agent its own"):
        load_agents([Path("a.yaml"), Path("b.yaml")])


# --- instructions in a file of their own


def test_instructions_lie_in_markdown_beside_the_agent():
    Path("a.md").write_text("# Who you are\n\nYou help.\n")
    Path("a.yaml").write_text("name: a\ninstructions_file: a.md\n")
    beside: list[Path] = []
    (agent,) = load_agents([Path("a.yaml").absolute()], ENDPOINTS, beside)
    assert agent.instructions == "# Who you are\n\nYou help.\n"
    assert beside == [Path("a.md").absolute()]


@pytest.mark.parametrize(
    "named", ["../secret.md", "/etc/hostname", "~/secret.md", "link.md", "sub/../../secret.md"]
)
def test_no_file_from_elsewhere_is_sent_to_a_model(named: str, folder: Path):
    (folder / "agents").mkdir()
    (folder / "secret.md").write_text("a key")
    (folder / "agents" / "link.md").symlink_to(folder / "secret.md")
    os.chdir(folder / "agents")
    said = refused(f"name: a\ninstructions_file: {named}\n")
    assert "a.yaml:2: instructions_file" in said
    assert "a key" not in said


def test_a_folder_that_a_cluster_fills_by_links_is_one_folder(folder: Path):
    """Config maps: each file is a link to a folder that is switched as a whole."""
    (folder / "..now").mkdir()
    (folder / "..now" / "a.md").write_text("Help.")
    (folder / "..now" / "a.yaml").write_text("name: a\ninstructions_file: a.md\n")
    for name in ("a.md", "a.yaml"):
        (folder / name).symlink_to(Path("..now") / name)
    (agent,) = load_agents([folder / "a.yaml"], ENDPOINTS)
    assert agent.instructions == "Help."


@pytest.mark.parametrize(
    ("text", "content", "said"),
    [
        ("instructions_file: a.md", None, "names a file that cannot be taken: There is no file a.md."),
        ("instructions_file: a.md", b"", "names a.md, which is empty"),
        ("instructions_file: a.md", b"\xff", "a.md:1: this is not UTF-8"),
        ("instructions_file: a.md", b"x" * (MAX_INSTRUCTIONS + 1), "are more than 65,536 bytes"),
        (f"instructions: {'x' * (MAX_INSTRUCTIONS + 1)}", None, "are more than 65,536 bytes"),
        ("instructions_file: a.md\ninstructions: x", b"x", "stands beside `instructions`; keep one of them"),
        ("instructions_file: .", None, "names a file that cannot be taken"),
    ],
)
def test_instructions_that_cannot_be_taken(text: str, content: bytes | None, said: str):
    if content is not None:
        Path("a.md").write_bytes(content)
    found = refused(f"name: a\n{text}\n")
    assert found.startswith("a.yaml:2: instructions")
    assert said in found


def test_the_shipped_agents_are_whole_and_bounded():
    agents = load_agents(shipped_agents(), ("default",))
    assert [agent.name for agent in agents] == ["analyst", "researcher", "support"]
    for agent in agents:
        assert agent.limits.tokens
        assert agent.limits.seconds
        assert agent.description


# --- toolward agent


def test_the_command_checks_against_the_endpoints_of_the_configuration(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    Path("toolward.yaml").write_text("version: 1\nmodels: {fast: {wire: offline}}\nagents: [a.yaml]\n")
    Path("a.yaml").write_text(f"{LEAST}model: [fast, default]\nlimits: {{cost: 0.5}}\n")
    common = Common(config=folder / "toolward.yaml")
    assert (check(common=common), list_agents(common=common)) == (0, 0)
    said = capsys.readouterr().out.splitlines()
    assert said == ["1 agent, well-formed: a", "a\tfast, default\t20 turns, 60 calls, $0.50\t"]
    Path("b.yaml").write_text(f"{LEAST}model: fst\n")
    with pytest.raises(ConfigurationError, match=r"b\.yaml:3: model names the model endpoint 'fst'"):
        check(folder / "b.yaml", common=common)


def test_the_command_warns_of_tools_whose_backend_is_not_configured(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    Path("toolward.yaml").write_text("version: 1\nbackends: {stock: {command: [x]}}\nagents: [a.yaml]\n")
    Path("a.yaml").write_text(f'{LEAST}tools: ["stock.*", "people.*", "*", "*.look", "stok.*", crm.get]\n')
    assert check(common=Common(config=folder / "toolward.yaml")) == 0
    assert [line.removeprefix("warning  ") for line in capsys.readouterr().err.splitlines()] == [
        "a.yaml:3: the agent a names stok.*, and there is no backend stok; did you mean stock.*?",
        "a.yaml:3: the agent a names crm.get, and there is no backend crm; it is without them until there is one",
    ]
