"""Where tokens come from, as a door tells it."""

import json

from toolward.doors.protected_resource import ProtectedResource


def test_scopes_that_mean_something_are_told_and_asked_for() -> None:
    told = ProtectedResource("https://tools.example:8443/mcp/", "https://one.example")
    assert "scope" not in told.challenge({})
    told.tell(["https://one.example", "https://two.example"], ["crm.read", "crm.write", "crm.read"])
    assert json.loads(told.document) == {
        "resource": "https://tools.example:8443/mcp/",
        "authorization_servers": ["https://one.example", "https://two.example"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["crm.read", "crm.write"],
    }
    where = "https://tools.example:8443/.well-known/oauth-protected-resource/mcp"
    assert told.challenge({}) == f'Bearer resource_metadata="{where}", scope="crm.read crm.write"'
    assert told.host == "tools.example"
    assert ProtectedResource("http://[::1]:1/mcp").host == "[::1]"
