"""The page about MCP: its policy says what the page says of it."""

import re
from pathlib import Path

from gateway.core.catalog import build_catalog
from gateway.core.policy import bind
from tests.policies import policy
from toolward.types import Principal

PAGE = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")
(RULES,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_rules_of_the_page_let_through_what_it_says() -> None:
    decide = bind(policy(RULES), build_catalog(())).decide_operation
    ada = Principal("ada", ("support",))
    article, other = "kb://articles/1", "kb://drafts/1"
    assert decide(ada, "resource.read", {"backend": "search", "uri": article}).rule == "articles"
    assert decide(ada, "resource.read", {"backend": "search", "uri": other}).effect == "deny"
    assert decide(ada, "resource.read", {"backend": "crm", "uri": article}).effect == "deny"
    assert decide(ada, "prompt.get", {"backend": "crm", "prompt": "x"}).rule == "prompts-of-the-shop"
    assert decide(Principal("eve"), "prompt.get", {"backend": "crm", "prompt": "x"}).effect == "deny"
