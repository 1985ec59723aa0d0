"""Commands without a running gateway, and what they say to bad input."""

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.command import free_port, patiently, serving, toolward


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def minimal(folder: Path, text: str = "") -> tuple[str, str]:
    """`--config` for a gateway without backends, on a port where nothing answers."""
    path = folder / "toolward.yaml"
    path.write_text(f"version: 1\ngrpc: 127.0.0.1:{free_port()}\n{text}")
    return "--config", str(path)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("policy", "explain", "--help")])
def test_help_says_what_to_write(home: Path, arguments: tuple[str, ...]) -> None:
    done = toolward(home, *arguments)
    assert done.code == 0
    assert "Usage: toolward" in done.out


def test_a_misspelt_command_is_a_usage_error_with_the_nearest(home: Path) -> None:
    done = toolward(home, "asc", "x")
    assert done.code == 2
    assert 'Did you mean "ask"' in done.err
    assert toolward(home, "asc", "x", "--json").json["error"]["code"] == "usage"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bakends: {}\n", "toolward.yaml:3: the file has an unknown key 'bakends'; did you mean 'backends'?"),
        ("backends:\n  crm: {comand: [x]}\n", "comand"),
        ("policies: [missing.yaml]\n", "missing.yaml"),
        ("http: nowhere\n", "toolward.yaml:3"),
    ],
)
def test_a_wrong_configuration_is_told_with_file_and_line(
    home: Path, tmp_path: Path, text: str, said: str
) -> None:
    done = toolward(home, "tool", "list", *minimal(tmp_path, text))
    assert done.code == 1
    assert said in done.err
    assert "toolward.yaml:" in done.err


def test_a_policy_with_a_typo_is_told_with_file_and_line(home: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: 1\nrules:\n  - id: a\n    tools: ['*']\n    efect: allow\n")
    done = toolward(home, "policy", "check", str(tmp_path / "bad.yaml"), *minimal(tmp_path))
    assert done.code == 1
    assert "bad.yaml:5" in done.err
    assert "did you mean 'effect'" in done.err


def test_the_first_command_of_an_installation_has_nothing_to_warn_of(home: Path) -> None:
    done = toolward(home, "tool", "list")
    assert "calculator.calculate" in done.out
    assert done.err == ""


@pytest.mark.parametrize(
    "words", ["inbox list", "inbox show req_1", "run list", "run show run_1", "run replay run_1"]
)
def test_what_is_on_record_is_shown_without_starting_tool_servers(
    home: Path, tmp_path: Path, words: str
) -> None:
    started = tmp_path / "started"
    command = json.dumps([sys.executable, "-c", f"open({str(started)!r}, 'w')"])
    config = minimal(tmp_path, f"backends:\n  loud: {{command: {command}}}\n")
    done = toolward(home, *words.split(), *config)
    assert done.code == (0 if words.endswith("list") else 1), done.err
    assert not started.exists()
    assert not (tmp_path / "tools.lock").exists()


def test_a_dead_backend_is_told_and_hides_nothing(home: Path, tmp_path: Path) -> None:
    config = minimal(tmp_path, f"backends:\n  gone: {{grpc: '127.0.0.1:{free_port()}'}}\n")
    done = toolward(home, "tool", "list", *config)
    assert done.code == 0
    assert "gone does not answer" in done.err


def test_errors_are_json_where_json_was_asked_for(home: Path, tmp_path: Path) -> None:
    done = toolward(home, "tool", "call", "no.such", "{}", "--json", *minimal(tmp_path))
    assert done.code == 1
    assert done.json["error"]["code"] == "unknown_tool"


def test_a_denied_call_has_an_exit_code_of_its_own(home: Path) -> None:
    call = '{"payment_id": "PAY-5007", "amount_minor": 99999, "reason": "x"}'
    crm = ("--config", str(serving(home.parent, "crm")))
    done = patiently(lambda: toolward(home, "tool", "call", "crm.refund_payment", call, "--json", *crm))
    assert done.code == 3
    assert done.json["error"]["rule"] == "no-large-refunds"


def test_explain_says_which_rule_decides_and_why_the_others_do_not(home: Path) -> None:
    call = '{"payment_id": "PAY-5007", "amount_minor": 100, "reason": "x"}'
    crm = ("--config", str(serving(home.parent, "crm")))
    words = ("policy", "explain", "role:operator", "crm.refund_payment", call, *crm)
    done = patiently(lambda: toolward(home, *words))
    assert done.code == 0
    assert done.out.startswith("ask: user:nobody (role:operator) may call crm.refund_payment")
    assert "once approved by the caller or role:operator, since the rule small-refunds asks" in done.out
    assert "condition is false" in done.out


def test_explain_says_the_same_of_an_operation(home: Path) -> None:
    words = ("policy", "explain", "user:ada,role:operator", "run.start", '{"agent": "support"}')
    done = toolward(home, *words)
    assert (done.code, done.err) == (0, "")  # no server was started, so none was pinned
    sentence, row = done.out.splitlines()
    assert sentence.startswith(
        "allow: user:ada (role:operator) may do run.start on this resource, since the rule"
    )
    assert row.split("\t")[:3] == ["at-home", "allow", "yes"]
    eve = toolward(home, *words[:2], "user:eve", *words[3:], "--json").json
    assert (eve["decision"]["effect"], eve["rules"][0]["why"]) == ("deny", "is for other callers")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run.start", "{}"), "The resource of run.start lacks the attribute 'agent'."),
        (("run.start", '{"agnet": "a"}'), "did you mean agent?\n"),
        (("run.start", '{"agent": 3}'), "The attributes of run.start are texts."),
        (("run.strat", "--operation"), "'run.strat' is no operation; did you mean run.start?\n"),
    ],
)
def test_explain_says_what_is_wrong_with_an_operation(home: Path, words: tuple[str, ...], said: str) -> None:
    done = toolward(home, "policy", "explain", "role:operator", *words)
    assert done.code == 2
    assert said in done.err


def test_where_a_backend_bears_the_name_of_operations_its_tool_goes_first(home: Path) -> None:
    tools = home.parent / "tools.json"
    tools.write_text('{"start": "Starts."}')
    command = json.dumps([sys.executable, "-m", "tests.servers.described", str(tools)])
    config = home.parent / "run.yaml"
    root = json.dumps(str(Path(__file__).parents[2]))
    config.write_text(f"version: 1\nbackends: {{run: {{command: {command}, cwd: {root}}}}}\n")
    words = ("policy", "explain", "role:operator", "run.start", "--config", str(config))
    tool = patiently(lambda: toolward(home, *words))
    assert tool.out.startswith("ask: user:nobody (role:operator) may call run.start with these arguments")
    assert "For the operation run.start: --operation" in tool.err
    operation = toolward(home, *words[:4], '{"agent": "support"}', "--operation", *words[4:])
    assert operation.out.startswith("allow: user:nobody (role:operator) may do run.start on this resource")


def test_ask_prints_events_as_lines(home: Path) -> None:
    calculator = ("--config", str(serving(home.parent, "calculator")))
    done = patiently(lambda: toolward(home, "ask", "What is 0.1 + 0.2?", "--json", *calculator))
    assert done.code == 0
    assert [line["seq"] for line in done.lines[:-1]] == list(range(1, len(done.lines)))
    assert "0.3" in done.lines[-1]["answer"]


def test_a_real_endpoint_is_used_when_the_environment_names_one(home: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/v1"
    none = ("--config", str(serving(home.parent)))
    done = toolward(home, "ask", "hello", *none, TOOLWARD_MODEL_URL=nobody, TOOLWARD_MODEL_NAME="some-model")
    assert done.code == 1
    assert nobody.removesuffix("/v1") in done.err
