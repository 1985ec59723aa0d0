"""A model for an agent that turns to people, which the offline one never does: a scripted endpoint on loopback,
whose answers follow from what it is asked."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from anyio.from_thread import start_blocking_portal

from tests.endpoints import Reply, calls, refuses, says, scripted_endpoint
from tests.endpoints.script import Step
from tests.endpoints.server import Request

QUESTION = {"question": "Two orders are open. Which one do you mean?", "choices": ["ORD-1003", "ORD-1007"]}
CASE = {
    "summary": "The customer wants 600.00 EUR back for ORD-1007. That is more than I may refund.",
    "facts": [
        {"fact": "The order came to 249.90 EUR.", "source": "ORD-1007"},
        {"fact": "Refunds above 500.00 are not made through an agent.", "source": "rule no-large-refunds"},
    ],
    "tried": ["Asked for the order's invoices: there is one, and it is paid."],
}
AGENT = """
name: clerk
title: Clerk
description: Asks people back, and hands over what it must not decide.
instructions: You work at the counter. Ask where you lack something.
tools: ["crm.get_record", "crm.find_records", "people.*"]
people: [self, "role:operator"]
model: counter
"""


def answered(request: Request) -> Step:
    """`which` asks a person back, `hand` hands the case over, `break` fails; what came back ends the run."""
    messages: list[Any] = request.json["messages"]
    place = max(at for at, one in enumerate(messages) if one["role"] == "user")
    results = [one["content"] for one in messages[place:] if one["role"] == "tool"]
    if results:
        return says(f"Thank you. I go by this:\n\n{results[-1]}")
    return _wished(str(messages[place]["content"]).lower())


def _wished(text: str) -> Step:
    if "break" in text:
        return refuses(400, "The model takes no such request.")
    if "which" in text:
        return _calls("people__ask_person", QUESTION, "I must ask back.")
    if "hand" in text:
        return _calls("people__escalate_to_person", CASE, "That is for a person.")
    return says("Good day. What may I do for you?")


def _calls(tool: str, arguments: Any, text: str) -> Reply:
    return calls((tool, arguments), text=text)


@contextmanager
def clerks_model() -> Generator[str]:
    """Where it is, as long as this is open: an address that ends in /v1."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(scripted_endpoint()) as endpoint,
    ):
        endpoint.answer_with(answered)
        yield endpoint.url
