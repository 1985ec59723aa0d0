"""Decision tables: what is refused in one, what a wrong policy looks like in one, and the shipped ones."""

import json
from pathlib import Path

import pytest

from gateway.bootstrap.tables import check_table
from gateway.cli.policy_tables import run
from gateway.config.tables import ENDING, Table, load_table
from gateway.core.tables import TableResult
from tests.policies import SHIPPED
from toolward.errors import ConfigurationError

POLICY = """
version: 1
rules:
  - {id: reads, tools: [crm.get], effect: allow, principals: ["role:support"]}
  - {id: small, tools: [crm.refund], effect: allow, when: args.amount <= 50}
  - {id: large, tools: [crm.refund], effect: ask, when: args.amount > 50, approvers: ["role:lead"]}
  - {id: clerk, tools: ["crm.*"], effect: deny, principals: ["agent:clerk"]}
"""
HEAD = """
version: 1
policies: [policy.yaml]
tools:
  crm.get: {changes: false}
  crm.refund: {schema: {type: object, properties: {amount: {type: integer}}, required: [amount]}}
principals: ["role:support"]
"""
CASES = """cases:
  - {tool: crm.get, effect: allow, rule: reads}
  - {tool: crm.get, effect: deny, rule: "", principals: ["user:eve"], listed: false}
  - {tool: crm.get, effect: deny, rule: clerk, agent: clerk}
  - {tool: crm.refund, arguments: {amount: 50}, effect: allow, rule: small}
  - {tool: crm.refund, arguments: {amount: 51}, effect: ask, principals: ["user:ada", "user:bob,role:x"]}
  - {tool: crm.refund, arguments: {amont: 51}, violation: amont}
  - {tool: crm.refund, listed: true}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "policy_test.yaml"
    path.write_text(text)
    return path


def checked(folder: Path, cases: str) -> TableResult:
    return check_table(load_table(written(folder, HEAD + cases)))


def test_agents_that_a_table_declares_are_tools_in_it(folder: Path) -> None:
    (folder / "policy.yaml").write_text(
        """
        version: 1
        rules:
          - {id: agents, tools: ["agents.*"], effect: allow}
          - {id: clerk, operations: [run.start], when: resource.agent == "clerk", effect: allow}
          - {id: own, operations: ["run.read"], when: resource.owner == principal.id, effect: allow}
        """
    )
    result = check_table(
        load_table(
            written(
                folder,
                """
                version: 1
                policies: [policy.yaml]
                tools: {agents.clerk: {}, agents.guard: {}}
                principals: ["role:support"]
                cases:
                  - {tool: agents.clerk, arguments: {input: x}, effect: allow, rule: agents, listed: true}
                  - {tool: agents.guard, arguments: {input: x}, effect: deny, rule: "", listed: false}
                  - {tool: agents.get_run, arguments: {run_id: x}, effect: allow, rule: agents, listed: true}
                  - {tool: agents.cancel_run, listed: false}
                """,
            )
        )
    )
    assert [wrong for one in result.results for wrong in one.wrong] == []


def test_a_table_that_says_what_the_policy_says_passes_and_covers_it(folder: Path) -> None:
    result = checked(
        folder, CASES.replace("{amont: 51}", "{amount: x}").replace("violation: amont", "violation: x")
    )
    assert [one.wrong for one in result.results if not one.passed] == []
    assert len(result.results) == 8  # one case is of two callers
    assert (result.uncovered, result.covered_percent, result.problems) == ((), 100.0, ())


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("{tool: crm.get, effect: deny}", "expected deny, got allow by reads"),
        ("{tool: crm.get, effect: allow, rule: small}", "expected allow by small, got allow by reads"),
        ("{tool: crm.get, effect: allow, rule: ''}", "expected allow by no rule, got allow by reads"),
        ("{tool: crm.get, listed: false}", "expected it hidden, and it is not"),
        ("{tool: crm.get, listed: true, agent: clerk}", "expected it listed, and it is not"),
        ("{tool: crm.gett, effect: deny}", "there is no tool crm.gett; did you mean crm.get?"),
        ("{tool: crm.refund, effect: deny}", "the arguments are wrong"),
        ("{tool: crm.refund, arguments: {amount: 3}, violation: amount}", "but the schema accepts them"),
        ("{tool: crm.refund, arguments: {amount: x}, violation: reason}", "but what is wrong with them is"),
    ],
)
def test_a_case_that_is_decided_otherwise_fails_and_says_how(folder: Path, case: str, said: str) -> None:
    result = checked(folder, f"cases: [{case}]")
    ((wrong,),) = [one.wrong for one in result.results]
    assert said in wrong
    assert result.failed == 1


def test_a_case_says_what_has_entered_its_run(folder: Path) -> None:
    rule = "  - {id: named, tools: [crm.refund], effect: allow, origin: {amount: [user]}, when: '!run.untrusted'}\n"
    (folder / "policy.yaml").write_text("version: 1\nrules:\n" + rule)
    call = "tool: crm.refund, arguments: {amount: 50}, agent: clerk"
    result = checked(
        folder,
        f"""cases:
  - {{{call}, sources: {{user: ["50 please"]}}, effect: allow, rule: named}}
  - {{{call}, sources: {{user: ["50 please"], untrusted: [x]}}, effect: deny, rule: ""}}
  - {{{call}, sources: {{untrusted: ["take 50"]}}, effect: deny, rule: ""}}
  - {{{call}, sources: {{}}, effect: deny, rule: ""}}
  - {{{call}, effect: deny, rule: ""}}
  - {{{call}, sources: {{model: ["50"]}}, effect: allow}}
""",
    )
    assert [one.passed for one in result.results] == [True, True, True, True, True, False]
    (named,) = result.results[-1].rules
    assert named.why == (
        "is for values that came from elsewhere: amount 50 came from what the model wrote itself (model), and the"
        " rule named wants user"
    )


def test_a_failed_case_is_explained_and_rules_without_a_case_are_named(folder: Path) -> None:
    result = checked(
        folder, "cases: [{tool: crm.refund, arguments: {amount: 51}, effect: allow, rule: small}]"
    )
    (one,) = result.results
    assert [(rule.rule, rule.decided) for rule in one.rules if rule.concerns] == [
        ("small", False), ("large", True), ("clerk", False),
    ]  # fmt: skip
    assert [rule.rule for rule in result.uncovered] == ["reads", "small", "clerk"]
    assert result.uncovered[0].where.endswith("policy.yaml:4")
    assert result.covered_percent == 25.0


def test_a_rule_that_does_not_fit_its_tool_fails_the_table(folder: Path) -> None:
    (folder / "policy.yaml").write_text(POLICY.replace("args.amount <= 50", "args.amont <= 50"))
    result = checked(folder, "cases: [{tool: crm.get, effect: allow}]")
    assert "did you mean args.amount?" in result.problems[0].lower()


MISTAKES = {
    "": "must be a mapping",
    HEAD: "lacks the key 'cases'",
    HEAD + "cases: []": "lacks the key 'cases'",
    HEAD + CASES + "case: []": "did you mean 'cases'?",
    HEAD.replace("version: 1", "version: 2") + CASES: "version must be 1",
    HEAD.replace("[policy.yaml]", "[polcy.yaml]") + CASES: "there is no such file",
    HEAD.replace("policies: [policy.yaml]", "") + CASES: "lacks the key 'policies'",
    HEAD.replace('principals: ["role:support"]', "") + CASES: "lacks the key 'principals'",
    HEAD.replace("role:support", "support") + CASES: "user:ada,role:support",
    HEAD.replace("crm.get:", "get:") + CASES: "write BACKEND.TOOL",
    HEAD.replace("changes: false", "change: false") + CASES: "did you mean 'changes'?",
    HEAD.replace("changes: false", "schema: 3") + CASES: "must be a JSON Schema",
    HEAD + "cases: [{tool: crm.get}]": "lacks the key 'effect'",
    HEAD + "cases: [{tool: crm.get, effect: alow}]": "did you mean 'allow'?",
    HEAD + "cases: [{tool: crm.get, listed: true, rule: reads}]": "beside `effect` only",
    HEAD + "cases: [{effect: allow}]": "lacks the key 'tool'",
    HEAD + "cases: [{tool: crm.get, effect: allow, arguments: []}]": "must be a mapping",
    HEAD + "catalog: all\n" + CASES: "must be shipped",
    HEAD + "cases: [{tool: crm.get, effect: allow, sources: {user: [x]}}]": "name its agent",
    HEAD + "cases: [{tool: crm.get, effect: allow, agent: a, sources: {usr: [x]}}]": "unknown key 'usr'",
    HEAD + "cases: [{operation: run.strat, effect: allow}]": "is no operation; did you mean run.start?",
    HEAD + "cases: [{operation: '*', effect: allow}]": "is no operation; there are run.start, ",
    HEAD
    + "cases: [{operation: run.start, effect: allow}]": "lacks the attribute 'agent'; write resource: {agent: …}",
    HEAD
    + "cases: [{operation: run.start, resource: {agnet: a}, effect: deny}]": "'agnet'; did you mean agent?",
    HEAD + "cases: [{operation: ledger.read, resource: {a: b}, effect: deny}]": "ledger.read has none",
    HEAD + "cases: [{operation: run.start, resource: {agent: 3}, effect: deny}]": "must be text",
    HEAD + "cases: [{operation: ledger.read, resource: [], effect: deny}]": "must be a mapping",
    HEAD + "cases: [{operation: ledger.read, effect: ask}]": "must be allow or deny",
    HEAD + "cases: [{operation: ledger.read}]": "lacks the key 'effect'",
    HEAD + "cases: [{operation: ledger.read, tool: crm.get, effect: deny}]": "a case is of one of them",
    HEAD + "cases: [{operation: ledger.read, agent: clerk, effect: deny}]": "has an unknown key 'agent'",
    HEAD + "cases: [{operation: ledger.read, effect: deny, listed: true}]": "has an unknown key 'listed'",
    HEAD + "cases: [{tool: crm.get, effect: deny, resource: {}}]": "has an unknown key 'resource'",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_a_table_is_told_with_file_and_line(folder: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_table(written(folder, text))
    assert "policy_test.yaml:" in caught.value.message
    assert MISTAKES[text] in caught.value.message


def test_all_mistakes_of_a_table_are_told_at_once(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_table(written(folder, HEAD + "cases:\n  - {tool: crm.get}\n  - {effect: allow}\n"))
    assert ":9: " in caught.value.message
    assert ":10: " in caught.value.message


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("  search.search: {}\ncatalog: shipped\n", "search.search comes along"),
        ("  crm.bad: {schema: {type: object, properties: 3}}\n", "is left out"),
    ],
)
def test_tools_that_cannot_be_offered_are_refused(folder: Path, extra: str, said: str) -> None:
    text = (HEAD + "cases: [{tool: crm.get, effect: allow}]\n").replace("principals:", extra + "principals:")
    with pytest.raises(ConfigurationError, match=said):
        check_table(load_table(written(folder, text)))


# --- operations -------------------------------------------------------------------------------------------

OPERATIONS = """
version: 1
rules:
  - {id: starts, operations: [run.start], principals: ["role:support"], effect: allow}
  - {id: own, operations: ["run.*"], when: resource.agent == "own", effect: allow}
  - {id: never, operations: [run.cancel], effect: deny}
"""
OF_OPERATIONS = """cases:
  - {operation: run.start, resource: {agent: support}, effect: allow, rule: starts}
  - {operation: run.start, resource: {agent: support}, principals: ["user:eve"], effect: deny, rule: ""}
  - {operation: run.read, resource: {agent: own, owner: ada}, effect: allow, rule: own}
  - {operation: run.cancel, resource: {agent: own, owner: ada}, effect: deny, rule: never}
  - {operation: ledger.read, effect: deny, rule: ""}
"""


def test_operations_are_cases_too_and_count_in_what_is_covered(folder: Path) -> None:
    (folder / "policy.yaml").write_text(OPERATIONS)
    result = checked(folder, OF_OPERATIONS)
    assert [one.wrong for one in result.results if not one.passed] == []
    assert (result.uncovered, result.rules) == ((), 3)
    fewer = checked(folder, "".join(OF_OPERATIONS.splitlines(keepends=True)[:3]))
    assert [one.rule for one in fewer.uncovered] == ["own", "never"]


def test_an_operation_that_is_decided_otherwise_is_explained_in_text_and_json(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "policy.yaml").write_text(OPERATIONS)
    case = "cases: [{operation: run.cancel, resource: {agent: own, owner: ada}, effect: allow, rule: own}]"
    path = written(folder, HEAD + case)
    assert run(path) == 1
    out = capsys.readouterr().out
    assert 'run.cancel {"agent":"own","owner":"ada"} by user:nobody,role:support' in out
    assert "expected allow by own, got deny by never" in out
    assert "policy.yaml:5: the rule own (allow) matches, but never decides" in out
    assert run(path, json=True) == 1
    (failed,) = json.loads(capsys.readouterr().out)["tables"][0]["failed"]
    assert (failed["operation"], failed["resource"]) == ("run.cancel", {"agent": "own", "owner": "ada"})
    assert "tool" not in failed


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_fails_for_a_failing_case_and_where_asked_for_rules_without_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passing = written(folder, HEAD + "cases: [{tool: crm.get, effect: allow}]")
    assert run(passing) == 0
    assert "the rule small decides no case" in capsys.readouterr().err
    assert run(passing, min_coverage=25) == 0
    assert run(passing, min_coverage=26) == 1
    assert run(passing, strict=True) == 1
    assert run(written(folder, HEAD + "cases: [{tool: crm.get, effect: ask}]")) == 1
    out = capsys.readouterr().out
    assert "expected ask, got allow by reads" in out
    assert "policy.yaml:4: the rule reads (allow) matches" in out


def test_the_command_says_the_same_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(written(folder, HEAD + "cases: [{tool: crm.get, effect: ask}]"), json=True) == 1
    said = json.loads(capsys.readouterr().out)
    (table,) = said["tables"]
    (failed,) = table["failed"]
    assert (said["passed"], table["cases"], table["rules"]) == (False, 1, 4)
    assert (failed["effect"], failed["rule"], failed["principal"]["roles"]) == ("allow", "reads", ["support"])
    assert len(table["uncovered"]) == 3


# --- the shipped ones -------------------------------------------------------------------------------------

TABLES = sorted(path for path in SHIPPED.glob("*.yaml") if path.name.endswith(ENDING))


def test_every_shipped_policy_has_its_table() -> None:
    policies = {path for path in SHIPPED.glob("*.yaml") if not path.name.endswith(ENDING)}
    tested: set[Path] = set()
    for path in TABLES:
        tested.update(load_table(path).policies)
    assert {path.name for path in tested} == {path.name for path in policies}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_the_shipped_tables_pass_and_cover_every_rule(path: Path) -> None:
    table: Table = load_table(path)
    result = check_table(table)
    assert [(one.case.where, one.wrong) for one in result.results if not one.passed] == []
    assert result.uncovered == ()
    assert result.problems == ()
