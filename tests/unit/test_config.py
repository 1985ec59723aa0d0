"""Configuration files: what is wrong is said with file, line and remedy, all of it at once."""

import os
import stat
from pathlib import Path
from textwrap import dedent

import pytest

from gateway.config.builtin import builtin_settings
from gateway.config.find import find_config, home_directory, load_settings, make_home
from gateway.config.limits import DoorLimits
from gateway.config.parse import read_settings
from gateway.config.policies import load_policy
from gateway.config.settings import Settings
from gateway.config.shipped import shipped_policies
from gateway.config.source import MAX_BYTES, load_yaml, parse_yaml
from gateway.core.budgets import Budget
from gateway.core.model_spec import BILLION
from gateway.core.spec import CONCURRENCY, QUEUE, GrpcSpec, HttpSpec, McpSpec, StdioSpec
from toolward.doors.limits import Limits
from toolward.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "toolward.yaml") -> Path:
    path = Path.cwd() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def read(text: str, **environment: str) -> Settings:
    return read_settings(write(text), environment)


def problem(text: str, **environment: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(text, **environment)
    return caught.value.text


GOOD = """
version: 1
backends:
  calculator: {command: [toolserver, calculator], env: {MODE: "no"}, cwd: work}
  crm:
    url: http://127.0.0.1:8740/mcp?key=${env:KEY}
    token: ${file:crm.token}
    headers: {X-Team: "team-${env:KEY}"}
    start: [toolserver, crm, --key, "${env:KEY}"]
    timeout: 5
    trust_annotations: true
    facts:
      refund_payment: {changes: true, keeps_keys: true}
      get_record: {changes: false, idempotent: true}
  files: {grpc: "127.0.0.1:8731"}
models:
  default: {wire: openai_chat, base_url: https://api.example/v1, model: m, api_key: "${env:KEY}"}
  plain: {wire: offline}
agents: [agents]
policies: [mine.yaml]
principals:
  - {id: ada, roles: [support], tenant: acme, token: "${env:KEY}"}
http: 127.0.0.1:9000
grpc: "[::1]:9001"
"""


def test_everything_that_a_file_can_say() -> None:
    write("s3cret\n", "crm.token")
    write("name: a\ninstructions: Help.\n", "agents/a.yaml")
    write("version: 1\nrules: []\n", "mine.yaml")
    settings = read(GOOD, KEY="k3y")

    calculator, crm, files = settings.backends
    assert isinstance(calculator, StdioSpec)
    assert calculator.launch.command == ("toolserver", "calculator")
    assert calculator.launch.env == {"MODE": "no"}
    assert calculator.launch.cwd == Path.cwd() / "work"
    assert isinstance(crm, HttpSpec)
    assert crm.url == "http://127.0.0.1:8740/mcp?key=k3y"
    assert crm.token == "s3cret"
    assert crm.headers == {"X-Team": "team-k3y"}
    assert crm.start is not None
    assert crm.start.command[-1] == "k3y"
    assert crm.timeout == 5
    assert isinstance(files, GrpcSpec)
    assert files.target == "127.0.0.1:8731"
    assert settings.trusted_annotations == {"crm"}
    refund, get = settings.facts["crm.refund_payment"], settings.facts["crm.get_record"]
    assert (refund.changes, refund.idempotent, refund.keeps_keys) == (True, False, True)
    assert (get.changes, get.idempotent, get.keeps_keys) == (False, True, False)
    assert [model.wire for model in settings.models] == ["openai_chat", "offline"]
    assert settings.models[0].api_key == "k3y"
    assert settings.agents == (Path.cwd() / "agents/a.yaml",)
    assert settings.policies == (Path.cwd() / "mine.yaml",)
    assert settings.principals[0].roles == ("support",)
    assert (str(settings.http), str(settings.grpc)) == ("127.0.0.1:9000", "[::1]:9001")


NETWORKS = """
version: 1
backends:
  crm: {url: "http://crm:8700/mcp", networks: [private]}
  files: {grpc: "files:8701", networks: [10.1.2.3, "fd12::/64"]}
  hr: {url: "https://hr.example/mcp"}
models:
  default: {wire: openai_chat, base_url: "http://ollama:11434/v1", model: m, networks: [10.0.0.0/8]}
"""


def test_where_a_name_may_lead_is_said_beside_it() -> None:
    settings = read(NETWORKS)
    said = {one.name: one.networks for one in settings.backends if not isinstance(one, StdioSpec)}
    assert said == {"crm": ("private",), "files": ("10.1.2.3", "fd12::/64"), "hr": ()}
    assert settings.models[0].networks == ("10.0.0.0/8",)


BOUNDS = """
version: 1
backends:
  a: {command: [x], concurrency: 1, queue: 0}
  b: {url: "https://b.example/mcp", concurrency: 10000, queue: 100000}
  c: {grpc: "127.0.0.1:8701"}
"""


def test_how_many_calls_a_backend_gets_and_how_many_wait_is_said_in_the_file() -> None:
    said = [(one.concurrency, one.queue) for one in read(BOUNDS).backends]
    assert said == [(1, 0), (10_000, 100_000), (CONCURRENCY, QUEUE)]


@pytest.mark.parametrize("value", ["0", "10001", "-1", "1.5", "true", '"8"'])
def test_a_number_of_calls_that_is_none_is_told_with_its_line(value: str) -> None:
    said = problem(BOUNDS.replace("concurrency: 1,", f"concurrency: {value},"))
    assert "toolward.yaml:3: backends.a.concurrency must be" in said
    assert "from 1 to 10,000" in said


def test_what_is_no_network_is_told_with_its_line() -> None:
    said = problem(NETWORKS.replace("10.1.2.3", "10.1.2.3/8").replace("[10.0.0.0/8]", "[corp]"))
    assert "toolward.yaml:4: backends.files.networks[0] is no network; write it like 10.0.0.0/8" in said
    assert "toolward.yaml:7: models.default.networks[0] is no network" in said


def test_a_process_of_ours_has_no_network() -> None:
    text = "version: 1\nbackends:\n  a: {command: [x], networks: [private]}\n"
    assert "backends.a has an unknown key 'networks'" in problem(text)


def test_no_repr_and_no_address_shows_a_secret() -> None:
    write("s3cret\n", "crm.token")
    write("version: 1\nrules: []\n", "mine.yaml")
    write("name: a\ninstructions: Help.\n", "agents/a.yaml")
    settings = read(GOOD, KEY="k3y")
    addresses = [backend.address for backend in settings.backends]
    shown = f"{settings!r} {settings.backends!r} {settings.models!r} {settings.principals!r} {addresses}"
    assert "k3y" not in shown
    assert "s3cret" not in shown
    assert addresses == ["toolserver calculator", "http://127.0.0.1:8740/mcp", "127.0.0.1:8731"]
    assert [
        backend.start.hidden
        for backend in settings.backends
        if isinstance(backend, HttpSpec) and backend.start
    ] == [("k3y",)]


def test_what_a_file_leaves_out_is_as_shipped() -> None:
    settings = read("version: 1")
    assert settings.policies == shipped_policies()
    assert [one.id for one in settings.principals] == ["local"]
    assert settings.backends == ()
    assert (str(settings.http), str(settings.grpc)) == ("127.0.0.1:8700", "127.0.0.1:8701")
    assert read("version: 1\npolicies: []").policies == ()


AT = "toolward.yaml:"

BAD = [
    ("backends: {}", f"{AT}1: the file lacks the key 'version'; write, for example, version: 1"),
    ("version: 2", f"{AT}1: version must be 1, not 2"),
    ("version: true", f"{AT}1: version must be 1, not true"),
    ("- version: 1", f"{AT}1: the file must be a mapping, not a list"),
    ("version: 1\nbackend: {}", f"{AT}2: the file has an unknown key 'backend'; did you mean 'backends'?"),
    (
        "version: 1\nbackends:\n  crm:\n    command: [x]\n    comand: [x]",
        f"{AT}5: backends.crm has an unknown key 'comand'; did you mean 'command'?",
    ),
    (
        "version: 1\nbackends: {crm: {comand: [x]}}",
        f"{AT}2: backends.crm has an unknown key 'comand'; did you mean 'command'?\n"
        f"{AT}2: backends.crm does not say how it is reached; give it one of 'command', 'url' or 'grpc'",
    ),
    (
        "version: 1\nbackends: {crm: {command: [x], url: http://a/mcp}}",
        f"{AT}2: backends.crm has 'command' and 'url'; give it one of 'command', 'url' or 'grpc'",
    ),
    (
        "version: 1\nbackends: {My_CRM: {command: [x]}}",
        f"{AT}2: backends.My_CRM is no name for a backend; use a-z, 0-9 and -, at most 32 of them, a letter first",
    ),
    (
        "version: 1\nbackends: {people: {command: [x]}}",
        f"{AT}2: backends.people has a name that is taken: by people.* agents turn to people, through the gateway"
        " itself; give it another one",
    ),
    (
        "version: 1\ninbox: {reminders: [{url: 'ftp://x', secret: short, after: 5, every: 30s, at_most: 0,"
        " kinds: [nothing]}]}",
        f"{AT}2: inbox.reminders[0].secret must have 24 characters or more (openssl rand -base64 32)\n"
        f"{AT}2: inbox.reminders[0].url must be a URL such as https://hooks.example/toolward, without credentials,"
        " not 'ftp://x'\n"
        f"{AT}2: inbox.reminders[0].after must be a time such as 30m, 4h or 2d, from 1m to 30d, not 5\n"
        f"{AT}2: inbox.reminders[0].every must be a time such as 30m, 4h or 2d, from 1m to 30d, not '30s'\n"
        f"{AT}2: inbox.reminders[0].at_most must be a whole number from 1 to 100, not 0\n"
        f"{AT}2: inbox.reminders[0].kinds[0] is 'nothing', which is none of approval, question, plan_review,"
        " unknown_outcome, escalation",
    ),
    (
        "version: 1\ninbox: {reminders: [{}, {url: http://h/a, secret: of twenty-four characters},"
        " {url: http://h/a, secret: of twenty-four characters}]}",
        f"{AT}2: inbox.reminders[0] lacks the key 'url'; write, for example, url: https://hooks.example/toolward\n"
        f"{AT}2: inbox.reminders[0] lacks the key 'secret'; write, for example, secret: ${{env:WEBHOOK_SECRET}}\n"
        f"{AT}2: inbox.reminders[2].url is that of another reminder; write one with all that it is to have",
    ),
    (
        "version: 1\nbackends: {crm: {command: x --y}}",
        f"{AT}2: backends.crm.command must be a list, not 'x --y'",
    ),
    (
        "version: 1\nbackends: {crm: {command: [x, 5]}}",
        f"{AT}2: backends.crm.command[1] must be text, not 5",
    ),
    (
        "version: 1\nbackends: {crm: {command: []}}",
        f"{AT}2: backends.crm.command is empty; write the program and its arguments as a list",
    ),
    (
        "version: 1\nbackends: {crm: {command: [x], env: {PORT: 80}}}",
        f"{AT}2: backends.crm.env.PORT must be text; put it in quotes",
    ),
    (
        "version: 1\nbackends: {crm: {url: 'ftp://a/mcp'}}",
        f"{AT}2: backends.crm.url must be a URL such as http://127.0.0.1:8740/mcp, without credentials, "
        "not 'ftp://a/mcp'",
    ),
    (
        "version: 1\nbackends: {crm: {grpc: '8731'}}",
        f"{AT}2: backends.crm.grpc must be HOST:PORT, such as 127.0.0.1:8731 or dns:///tools.internal:8731, "
        "not '8731'",
    ),
    (
        "version: 1\nbackends: {crm: {grpc: 'a:1', env: {A: b}}}",
        f"{AT}2: backends.crm.env is for a process that this gateway starts; add 'start', or remove it",
    ),
    (
        "version: 1\nbackends: {crm: {command: [x], timeout: soon}}",
        f"{AT}2: backends.crm.timeout must be a number of seconds, above 0 and at most 3600, not 'soon'",
    ),
    (
        "version: 1\nbackends: {crm: {command: [x], facts: {pay: {changes: 1, keepskeys: true}}}}",
        f"{AT}2: backends.crm.facts.pay has an unknown key 'keepskeys'; did you mean 'keeps_keys'?\n"
        f"{AT}2: backends.crm.facts.pay.changes must be true or false, not 1",
    ),
    (
        "version: 1\nmodels: {m: {wire: openai, model: x, base_url: https://a/v1}}",
        f"{AT}2: models.m.wire must be openai_chat or openai_responses or anthropic_messages or offline, "
        "not 'openai'; did you mean 'openai_chat'?",
    ),
    (
        "version: 1\nmodels: {m: {wire: openai_chat}}",
        f"{AT}2: models.m lacks the key 'base_url'; write, for example, base_url: https://api.example/v1\n"
        f"{AT}2: models.m lacks the key 'model'; write, for example, model: the-model",
    ),
    (
        "version: 1\nprincipals:\n- {id: ada, token: 12345678}\n- {id: ada}\n- {}",
        f"{AT}3: principals[0].token must be text; put it in quotes\n"
        f"{AT}4: principals[1].id is 'ada' a second time; every principal has an id of its own\n"
        f"{AT}5: principals[2] lacks the key 'id'; write, for example, id: ada",
    ),
    (
        "version: 1\nprincipals: [{id: a, token: same}, {id: b, token: same}]",
        f"{AT}2: principals[1].token is the token of another principal; every principal has its own",
    ),
    (
        "version: 1\nhttp: here",
        f"{AT}2: http must be an address such as 127.0.0.1:8700, not 'here'",
    ),
    (
        "version: 1\nhttp: ${env:NO_SUCH}",
        f"{AT}2: http needs the environment variable NO_SUCH, which is not set; set it, or remove the reference",
    ),
    (
        "version: 1\nhttp: ${env:NO_SUCH}\ngrpc: nowhere",
        f"{AT}2: http needs the environment variable NO_SUCH, which is not set; set it, or remove the reference\n"
        f"{AT}3: grpc must be an address such as 127.0.0.1:8701, not 'nowhere'",
    ),
    (
        "version: 1\nhttp: ${HOME}",
        f"{AT}2: http holds ${{HOME}}, which is no reference: write ${{env:NAME}}, "
        f"${{file:PATH}} or ${{keychain:NAME}}, or $${{...}} for the plain text",
    ),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[text.splitlines()[-1][:40] for text, _ in BAD])
def test_a_mistake_is_told_with_its_line_and_its_remedy(text: str, said: str) -> None:
    assert problem(text) == said


def test_a_policy_that_is_not_there_is_a_mistake() -> None:
    said = problem("version: 1\npolicies:\n  - nowhere.yaml\nagents: [gone.yaml]")
    here = Path.cwd()
    assert said == (
        f"{AT}3: policies[0] names {here}/nowhere.yaml, and there is no such file; mend the path, or remove it\n"
        f"{AT}4: agents[0] names {here}/gone.yaml, and there is no such file; mend the path, or remove it"
    )


def test_a_wrong_value_that_came_from_outside_is_not_quoted() -> None:
    said = problem("version: 1\nhttp: ${env:WHERE}", WHERE="s3cret")
    assert said == f"{AT}2: http must be an address such as 127.0.0.1:8700, not '${{env:WHERE}}'"


def test_a_reference_can_be_written_as_plain_text() -> None:
    settings = read("version: 1\nmodels: {m: {wire: openai_chat, base_url: http://a, model: '$${env:X}'}}")
    assert settings.models[0].model == "${env:X}"


YAML = [
    ("a: 1\nb: 2\na: 3", "f.yaml:3:1: the key 'a' is here twice, first on line 1. Remove one."),
    ("a: &x [1]\nb: [*x, *x]", "f.yaml:2:5: aliases (`*name`) are not taken. Write the value out."),
    (
        "a: !!python/object:os.system x",
        "f.yaml:1:4: the tag tag:yaml.org,2002:python/object:os.system is not taken.",
    ),
    ("1: a", "f.yaml:1:1: the key 1 is not text. Put the key in quotes."),
    ("a: .nan", "f.yaml:1:4: .nan is not a finite number. Put it in quotes if it is text."),
    ("a:\n\tb: 1", "f.yaml:2:1: this is not valid YAML: found character '\\t'"),
    ("a: [1, 2", "f.yaml:1:9: this is not valid YAML: "),
    ("a: 1\n---\nb: 1", "f.yaml:2:1: a second document starts."),
    ("a: " + "9" * 5000, "f.yaml:1:4: '9999999999999999999999999999999999999999' is not a number."),
    ("a: \x00", "f.yaml:1: the character '\\x00' is not allowed in YAML."),
    ("[" * 10_000, "f.yaml:1:65: this is nested more than 64 levels deep."),
    ("{a: " * 10_000, "f.yaml:1:257: this is nested more than 64 levels deep."),
]


@pytest.mark.parametrize(("text", "said"), YAML, ids=[text[:12] for text, _ in YAML])
def test_yaml_that_is_not_taken(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_yaml(text, "f.yaml")
    assert caught.value.text.startswith(said)


def test_plain_values_and_their_lines() -> None:
    source = parse_yaml("a: no\nb:\n  - 2024-01-01\n  - {c: 0x10, d: ~}\n", "f.yaml")
    assert source.data == {"a": "no", "b": ["2024-01-01", {"c": 16, "d": None}]}
    assert source.line_of(("b", 1, "c")) == 4
    assert source.line_of(("b", 0)) == 3
    assert source.line_of(("b",)) == 2
    assert source.line_of(("a", "not", "there")) == 1
    assert parse_yaml("", "f.yaml").line_of(("a",)) is None


def test_files_that_cannot_be_read() -> None:
    Path("latin.yaml").write_bytes(b"a: 1\nb: \xe4")
    Path("large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    for name, said in [
        ("none.yaml", "There is no file none.yaml. Check the path."),
        ("latin.yaml", "latin.yaml:2: this is not UTF-8. Save the file as UTF-8."),
        (
            "large.yaml",
            "large.yaml is larger than 1,048,576 bytes. Split it, or check that it is the right file.",
        ),
        (".", ". cannot be read: Is a directory. Check the path and who may read it."),
    ]:
        with pytest.raises(ConfigurationError) as caught:
            load_yaml(Path(name))
        assert caught.value.text == said


def test_the_first_configuration_that_is_there_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_config(environment={}).origin == "built-in"
    user = find_config(environment={}).why
    assert user.startswith("the built-in default: there is no toolward.yaml here, and none in ")

    folder = Path(user.rpartition(" in ")[2])
    folder.mkdir(parents=True)
    (folder / "toolward.yaml").write_text("version: 1\n")
    assert find_config(environment={}) == ("user directory", folder / "toolward.yaml")
    here = write("version: 1")
    assert find_config(environment={}) == ("working directory", here)
    named = write("version: 1", "named.yaml")
    assert find_config(environment={"TOOLWARD_CONFIG": str(named)}) == ("environment", named)
    flag = write("version: 1", "flag.yaml")
    assert find_config(flag, {"TOOLWARD_CONFIG": str(named)}) == ("flag", flag)
    assert find_config(flag).why == "flag.yaml: named on the command line"
    with pytest.raises(
        ConfigurationError, match=r"There is no file gone\.yaml, which TOOLWARD_CONFIG names\."
    ):
        find_config(environment={"TOOLWARD_CONFIG": "gone.yaml"})


def test_the_home_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    home = home_directory({"TOOLWARD_HOME": str(tmp_path / "new" / "home")})
    assert not home.exists()
    made = make_home(home)
    assert made == home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be made: File exists") as caught:
        make_home(tmp_path / "file")
    assert caught.value.hint == "Set TOOLWARD_HOME to a folder of yours."


def test_the_built_in_configuration(tmp_path: Path) -> None:
    settings = load_settings(find_config(environment={}, directory=tmp_path), tmp_path)
    assert settings == builtin_settings(tmp_path)
    kinds = {backend.name: type(backend) for backend in settings.backends}
    assert kinds == {
        "search": StdioSpec,
        "calculator": StdioSpec,
        "crm": HttpSpec,
        "files": GrpcSpec,
    }
    load_policy(settings.policies)
    for backend in settings.backends:
        launch = backend.launch if isinstance(backend, StdioSpec) else backend.start
        assert launch is not None
        assert os.access(launch.command[0], os.X_OK)
        assert not any("token" in word.lower() for word in launch.command)


def test_what_mcp_clients_are_listed_is_read_strictly() -> None:
    assert read("version: 1").mcp == McpSpec(200, ())
    assert read("version: 1\nmcp: {tool_search: never}").mcp == McpSpec(0, ())
    settings = read("version: 1\nmcp: {tool_search: 1, pinned: [crm.get, 'agents.*']}")
    assert settings.mcp == McpSpec(1, ("crm.get", "agents.*"))
    said = problem(
        """
        version: 1
        mcp:
          tool_search: 0
          pinned: [crm__get]
          pins: []
        """
    )
    assert said.splitlines() == [
        "toolward.yaml:3: mcp.tool_search must be a whole number from 1 to 100,000, or never, not 0",
        "toolward.yaml:4: mcp.pinned[0] is an alias: write crm.get",
        "toolward.yaml:5: mcp has an unknown key 'pins'; did you mean 'pinned'?",
    ]
    for wrong in ("true", "off", "1.5", "100_001", "[1]"):
        assert "mcp.tool_search must be" in problem(f"version: 1\nmcp: {{tool_search: {wrong}}}")


def test_budgets_are_read_strictly() -> None:
    settings = read(
        """
        version: 1
        budgets:
          - {principals: ["role:support"], tokens_per_day: 2_000_000, cost_per_day: 5.00}
          - {cost_per_day: 0.000000001, per: tenant}
        """
    )
    assert settings.budgets == (
        Budget(("role:support",), 2_000_000, 5 * BILLION),
        Budget((), 0, 1, "tenant"),
    )
    said = problem(
        """
        version: 1
        budgets:
          - {principals: [support], tokens_per_day: 0}
          - {principals: [], cost_per_day: 1, per: tenant}
          - {per: day}
          - {cost_per_day: 0, per: rule}
          - {tokens_per_day: 1, per: rule, token_per_day: 2}
        """
    )
    assert said.splitlines() == [
        "toolward.yaml:3: budgets[0].principals[0] is none of user:NAME, role:NAME, tenant:NAME",
        "toolward.yaml:3: budgets[0].tokens_per_day must be a whole number from 1 to 1,000,000,000,000,000, not 0",
        "toolward.yaml:4: budgets[1].principals is empty, so that it is for nobody; leave it out for everybody",
        "toolward.yaml:5: budgets[2] lacks the key 'tokens_per_day'; write, for example, tokens_per_day: 2_000_000,"
        " or cost_per_day: 5.00",
        "toolward.yaml:5: budgets[2].per must be principal or tenant or rule, not 'day'",
        "toolward.yaml:6: budgets[3].cost_per_day must be above 0",
        "toolward.yaml:7: budgets[4] has an unknown key 'token_per_day'; did you mean 'tokens_per_day'?",
        "toolward.yaml:7: budgets[4].per are those of another budget; write one",
    ]


def test_limits_of_the_doors_are_read_strictly() -> None:
    said = read(
        "version: 1\nlimits: {calls: 8, requests_per_second: 0.5, burst: 20, head_seconds: 2.5, drain: 3}\n"
    )
    assert said.limits == DoorLimits(
        Limits(calls=8, requests_per_second=0.5, burst=20, head_seconds=2.5, calls_per_principal=192), 3
    )
    assert read("version: 1\n").limits == DoorLimits()
    text = """
        version: 1
        limits:
          calls: 0
          head_seconds: 0
          requests_per_second: many
          burst: 5
          header_bytes: 100
          conections: 4
        """
    assert problem(text).split("\n") == [
        "toolward.yaml:3: limits.calls must be a whole number from 1 to 100,000, not 0",
        "toolward.yaml:4: limits.head_seconds must be a number of seconds, above 0 and at most 3600, not 0",
        "toolward.yaml:5: limits.requests_per_second must be a number from 0 to 1,000,000, not 'many'",
        "toolward.yaml:7: limits.header_bytes must be a whole number from 16384 to 1,048,576, not 100",
        "toolward.yaml:8: limits has an unknown key 'conections'; did you mean 'connections'?",
    ]
    assert "without requests_per_second" in problem("version: 1\nlimits: {burst: 5}\n")


def test_a_policy_says_where_it_is_wrong() -> None:
    path = write("version: 1\nrules:\n  - id: a\n    tools: [x.y]\n    efect: allow\n", "p.yaml")
    with pytest.raises(ConfigurationError, match=r"p\.yaml:5"):
        load_policy([path])
