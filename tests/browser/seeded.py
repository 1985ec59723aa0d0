"""What a gateway has behind it that was used for a while: runs and calls of every outcome, and what waits for
people. All of it is made through its own REST interface."""

from typing import Any, NamedTuple

import httpx

from tests.browser.started import Started

REFUND = "Refund 5.00 EUR of payment PAY-5007 because the cup was broken"
HOSTILE = "Where is ORD-1003?\u202e\u0007 <img src=x onerror=alert(1)> {{ 7*7 }} " + "long" * 40
DENIED = {"payment_id": "PAY-5007", "amount_minor": 250_000, "reason": "goodwill"}
ALSO_DENIED = {"payment_id": "PAY-5003", "amount_minor": 60_000, "reason": "late"}

_STOPS = ("input_requested", "run_completed", "run_failed", "run_cancelled")


class Seeded(NamedTuple):
    """Ids of what was made. Runs come to where they stand by themselves; requests are open."""

    completed: str
    """a run that called a tool and answered"""
    priced: str
    """a run with a model that has prices"""
    failed: str
    hostile: str
    """a run whose input is of everything that pages must not take as it is"""
    approval: str
    approval_run: str
    question: str
    question_run: str
    escalation: str
    call: str
    """a call that was denied, by the rule no-large-refunds"""


class _Person:
    """The person at this computer, by REST."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def asks(self, text: str, agent: str = "support") -> str:
        """The run, when it is at its end or waits for a person."""
        run: str = self._post("/v1/runs", {"agent": agent, "input": text})["id"]
        with self._client.stream("GET", f"/v1/runs/{run}/events") as events:
            for line in events.iter_lines():
                if line.startswith("event: ") and line.removeprefix("event: ") in _STOPS:
                    break
        return run

    def calls(self, tool: str, arguments: Any) -> None:
        """Whatever comes of it: it may well be a refusal."""
        self._client.post(f"/v1/tools/{tool}/calls", json=arguments)

    def denied(self) -> str:
        """The first of the calls that a rule denied."""
        found = self._client.get("/v1/calls", params={"effect": "deny"}).raise_for_status().json()
        return found["calls"][-1]["id"]

    def request_of(self, run: str) -> str:
        found = self._client.get("/v1/input-requests", params={"run_id": run}).raise_for_status().json()
        return found["input_requests"][0]["id"]

    def _post(self, path: str, body: Any) -> Any:
        return self._client.post(path, json=body).raise_for_status().json()


def seed(at: Started) -> Seeded:
    """Takes a few seconds."""
    with at.client() as client:
        me = _Person(client)
        approval_run, question_run = me.asks(REFUND), me.asks("Which order is late?", "clerk")
        for tool, arguments in (
            ("crm.refund_payment", DENIED),  # by the rule no-large-refunds
            ("crm.refund_payment", ALSO_DENIED),
            ("crm.get_record", {"record_id": "ORD-1003"}),
            ("crm.get_record", {"record_id": "ORD-9999"}),  # its own error
            ("calculator.calculate", {"expression": "1/0"}),
            ("calculator.calculate", {"expresion": "1"}),  # not valid
            ("calculator.no_such_tool", {}),
        ):
            me.calls(tool, arguments)
        return Seeded(
            completed=me.asks("What is 12.5% of 249.90?"),
            priced=me.asks("Good day", "clerk"),
            failed=me.asks("Break down", "clerk"),
            hostile=me.asks(HOSTILE),
            approval=me.request_of(approval_run),
            approval_run=approval_run,
            question=me.request_of(question_run),
            question_run=question_run,
            escalation=me.request_of(me.asks("Hand this over: 600.00 EUR for ORD-1007", "clerk")),
            call=me.denied(),
        )
