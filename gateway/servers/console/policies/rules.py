"""The rules by file, with their hits; and a decision table, run."""

from starlette.responses import Response

from gateway.oversight.policies import RuleShown
from gateway.servers.console.parts import Parts
from gateway.servers.console.policies.asked import SavedNow
from gateway.servers.console.visits import Shown, Visit

STATES = ("", "never", "problem")
"""What the list may be narrowed to: rules that never decided in the last days, rules that do not fit."""


def rule_pages(parts: Parts) -> list[Shown]:
    policies = parts.oversight.policies

    async def rules(visit: Visit) -> Response:
        found = await policies.shown(visit.principal)
        query = visit.query
        chosen = {
            one.rule.id
            for one in found.rules
            if _fits(one, query.get("q", ""), query.get("effect", ""), query.get("state", ""))
            and (not query.get("tool") or one.rule.tools.matches(query.get("tool", "")))
        }
        saved = parts.sessions.unsigned("saved", query.get("saved", ""), SavedNow)
        return parts.pages.render(
            visit,
            "policies/list.html",
            here="policies",
            found=found,
            chosen=chosen,
            query=query,
            saved=saved if saved is not None and saved.nonce == visit.session.nonce else None,
        )

    async def table(visit: Visit) -> Response:
        found = await policies.run_table(visit.principal, visit.query.get("name", ""))
        return parts.pages.render(visit, "policies/table.html", here="policies", found=found)

    return [Shown("/policies", rules), Shown("/policies/table", table)]


def _fits(one: RuleShown, text: str, effect: str, state: str) -> bool:
    rule = one.rule
    said = " ".join((rule.id, rule.description, *one.who, *one.what, rule.when)).lower()
    return (
        text.strip().lower() in said
        and effect in ("", rule.effect)
        and (state != "never" or one.never)
        and (state != "problem" or bool(one.problems or one.warnings))
    )
