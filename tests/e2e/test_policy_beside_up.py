"""Commands that bind policies and compare pins, while a gateway runs whose servers hold their ports."""

import json
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.command import Up, serving, toolward

REFUND = {"payment_id": "PAY-5007", "amount_minor": 100, "reason": "x"}
NOTHING = "version: 1\nrules:\n  - {id: nothing, tools: ['crm.*'], effect: deny}\n"


def test_commands_ask_the_gateway_that_runs(tmp_path: Path) -> None:
    home, config = tmp_path / "home", serving(tmp_path, "crm")
    (tmp_path / "mine.yaml").write_text(NOTHING)

    def done(*words: str, code: int = 0) -> Any:
        found = toolward(home, *words, "--json", "--config", str(config))
        assert (found.code, found.err) == (code, ""), found
        return found.json

    def explained(*words: str) -> Any:
        return done("policy", "explain", "role:operator", "crm.refund_payment", json.dumps(REFUND), *words)

    up = Up(home, config)
    try:
        assert done("tool", "call", "crm.get_record", '{"record_id": "ORD-1003"}')["is_error"] is False
        here = explained()
        assert (here["decision"]["effect"], here["decision"]["rule"]) == ("ask", "small-refunds")
        assert explained("--agent", "support", "--source", "user=PAY-5007")["origins"][0]["label"] == "user"
        operation = done("policy", "explain", "local", "run.start", '{"agent": "support"}')
        assert (operation["is_operation"], operation["decision"]["effect"]) == (True, "allow")
        checked = done("policy", "check")
        assert (checked["rules"], checked["problems"], checked["bound"]) == (16, [], True)
        flips = done("policy", "replay", str(tmp_path / "mine.yaml"), code=1)
        assert (flips["calls"], flips["kinds"]) == (1, {"allow -> deny": 1})
        assert done("tool", "review") == {"changes": [], "digest": ""}

        unknown = toolward(home, "policy", "explain", "local", "crm.get_recrd", "{}", "--config", str(config))
        assert (unknown.code, "Did you mean crm.get_record?" in unknown.err) == (1, True), unknown
        rules_over_http(up.where["http"], (home / "secret").read_text())
    finally:
        assert up.stop() == 0
    alone = toolward(
        home, "policy", "explain", "role:operator", "crm.refund_payment", json.dumps(REFUND),
        "--json", "--config", str(config),
    )  # fmt: skip
    assert alone.json == here  # with a gateway of its own, which pinned nothing anew


def rules_over_http(url: str, token: str) -> None:
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers) as client:
        found = client.get("/v1/policies").json()
        reading = next(rule for rule in found["files"][0]["rules"] if rule["id"] == "reading")
        assert reading["calls"] == 1
        assert reading["written"].startswith("- id: reading")
        assert client.post("/v1/policies/explain", json={"name": "crm.no"}).json()["code"] == "unknown_tool"
        assert client.get("/v1/backends").json()["backends"][0]["backend"] == "crm"
        nobody = {"authorization": "Bearer nobody"}
        for path in ("/v1/policies", "/v1/backends"):
            assert client.get(path, headers=nobody).status_code == 401
