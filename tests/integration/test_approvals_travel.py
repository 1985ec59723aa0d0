"""Who approved a call is known to the server that makes it: the CRM lets an agent decide about 50.00, and a lead
about more, and hears from the gateway that a lead has said yes."""

import json
import sys
from pathlib import Path

import msgspec

from gateway.bootstrap import Gateway, open_gateway
from gateway.config.parse import read_settings
from toolward.types import Answer, CallContext, InputRequired, Outcome, Principal, ToolCall, ToolResult

CONFIG = """
version: 1
lock: off
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  crm: {command: [PYTHON, -m, toolservers.crm], env: {TOOLWARD_CRM_DATABASE: WORLD}, on_behalf_of: true}
policies: [policy.yaml]
principals:
  - {id: local, roles: [operator]}
"""
POLICY = """
version: 1
rules:
  - {id: trusted-far, principals: ["user:bo"], tools: ["crm.*"], effect: allow}
  - {id: asks, principals: ["user:ada"], tools: [crm.refund_payment], effect: ask, approvers: ["role:*"]}
  - {id: inbox, operations: ["request.*"], effect: allow}
"""
ADA, BO = Principal("ada", ("support",)), Principal("bo", ("support",))
LEA, LEO = Principal("lea", ("support-lead",)), Principal("leo", ("support",))


async def refund(gateway: Gateway, who: Principal, reason: str) -> Outcome:
    about = {"payment_id": "PAY-5007", "amount_minor": 6000, "basis": "damage", "reason": reason}
    call = ToolCall("crm.refund_payment", msgspec.json.encode(about))
    return await gateway.dispatch.call_tool(who, call, CallContext(timeout=30))


async def approved_by(gateway: Gateway, approver: Principal, reason: str) -> ToolResult:
    asked = await refund(gateway, ADA, reason)
    assert isinstance(asked, InputRequired)
    await gateway.runs.answer_input_request(approver, asked.requests[0].id, Answer(approve=True))
    done = await refund(gateway, ADA, reason)
    assert isinstance(done, ToolResult)
    return done


async def test_sixty_euros_are_refunded_when_somebody_has_approved_who_may_decide_about_so_much(
    tmp_path: Path,
) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    text = CONFIG.replace("PYTHON", json.dumps(sys.executable)).replace("WORLD", str(tmp_path / "crm.db"))
    (tmp_path / "toolward.yaml").write_text(text)
    settings = read_settings(tmp_path / "toolward.yaml", {})
    async with open_gateway(settings, tmp_path / "home", environment={}) as gateway:
        alone = await refund(gateway, BO, "The set was broken.")
        assert isinstance(alone, ToolResult)
        assert alone.is_error
        assert "60.00 EUR is more than you may decide. Rule agent-decides-to-50" in alone.text
        by_a_colleague = await approved_by(gateway, LEO, "The set was broken, says Leo.")
        assert by_a_colleague.is_error
        assert "Rule agent-decides-to-50" in by_a_colleague.text
        by_a_lead = await approved_by(gateway, LEA, "The set was broken, says Lea.")
        assert not by_a_lead.is_error, by_a_lead.text
        assert by_a_lead.structured["amount_minor"] == 6000
