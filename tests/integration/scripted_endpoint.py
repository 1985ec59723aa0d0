"""Gone to `tests.endpoints`; here until all who use it have followed."""

from tests.endpoints import Raw, Request, ScriptedEndpoint, Silence, calls, refuses, says, scripted_endpoint
from tests.endpoints.chat import delta, events

__all__ = [
    "Raw",
    "Request",
    "ScriptedEndpoint",
    "Silence",
    "calls",
    "delta",
    "events",
    "refuses",
    "says",
    "scripted_endpoint",
]
