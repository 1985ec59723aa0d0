"""A model endpoint that plays a script and speaks all three wires: see `tests.endpoints.server`."""

from tests.endpoints.script import (
    Call,
    Failure,
    Raw,
    Reply,
    Sending,
    Silence,
    Step,
    Tokens,
    calls,
    refuses,
    says,
)
from tests.endpoints.server import Request, ScriptedEndpoint, scripted_endpoint

__all__ = [
    "Call",
    "Failure",
    "Raw",
    "Reply",
    "Request",
    "ScriptedEndpoint",
    "Sending",
    "Silence",
    "Step",
    "Tokens",
    "calls",
    "refuses",
    "says",
    "scripted_endpoint",
]
