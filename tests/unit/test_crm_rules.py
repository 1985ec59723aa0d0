"""The shop's rules twice: as the CRM holds to them, and in the words of the knowledge base. Neither says what the
other does not, and what is required of a change is what a record shows under `allowed_actions`."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolservers.crm import rules
from toolservers.crm.rules.rule import Rule

CRM = Path(rules.__file__).parents[1]
PAGES = {
    page.stem: " ".join(page.read_text(encoding="utf-8").split())
    for page in (CRM.parent / "search" / "knowledge").glob("*.md")
}
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_COUNTED = re.compile(r"(?<!\S)\d\. ")  # the numbers of a list


def _rules() -> Iterator[tuple[str, Rule]]:
    """Each once, by the name of its constant."""
    seen: set[int] = set()
    for one in pkgutil.iter_modules(rules.__path__):
        module = importlib.import_module(f"{rules.__name__}.{one.name}")
        for name, value in vars(module).items():
            if isinstance(value, Rule) and id(value) not in seen:
                seen.add(id(value))
                yield name, value


RULES = dict(_rules())
BY_ID = sorted(RULES.values(), key=lambda rule: rule.id)
OF_THE_SHOP = [rule for rule in BY_ID if rule.document]

BOUNDS_OF_OURS = {
    "amount-in-bounds", "bounded-tickets", "email-form", "email-of-one-customer", "order-of-the-customer",
    "phone-form", "plain-text", "ticket-of-the-customer", "time-in-reach", "time-that-exists-once", "whole-address",
}  # fmt: skip
"""What no page of a shop would say: the form of what is written down. They hold in every mode."""


def figures(text: str) -> list[str]:
    return _FIGURE.findall(text)


# --- rules -> pages -------------------------------------------------------------------------------------


def test_each_rule_has_a_name_of_its_own() -> None:
    names = [rule.id for rule in BY_ID]
    assert len(names) == len(set(names)) == len(RULES)
    assert [name for name in names if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)] == []


@pytest.mark.parametrize("rule", OF_THE_SHOP, ids=lambda rule: rule.id)
def test_a_rule_stands_in_the_knowledge_base_with_its_figures(rule: Rule) -> None:
    page = PAGES.get(rule.document)
    assert page is not None, f"there is no page {rule.document}"
    assert rule.quotes, "say which words of the page it stands on"
    assert [quote for quote in rule.quotes if " ".join(quote.split()) not in page] == []
    quoted = {figure for quote in rule.quotes for figure in figures(quote)}
    assert [figure for figure in figures(rule.says) if figure not in quoted] == []


def test_what_stands_on_no_page_is_a_bound_of_ours_and_holds_in_every_mode() -> None:
    without = [rule for rule in BY_ID if not rule.document]
    assert {rule.id for rule in without} == BOUNDS_OF_OURS
    assert [rule.id for rule in without if not rule.always or rule.quotes] == []


# --- pages -> rules -------------------------------------------------------------------------------------

NOT_IN_RULES = {
    # What a bank, a carrier or the warehouse takes, what things cost, what is said or done in the portal.
    "business-accounts": "10",
    "cancelling-orders": "2 17 50.00 20",
    "change-delivery-address": "1 2",
    "connect-plans": "29.00 99.00 30 120 600 90",
    "customs-and-international": "135.00 5 12",
    "escalation-to-a-person": "2 4 1",
    "exchanges": "30 3.90 7 8 18",
    "gift-cards": "10 250 16 3",
    "identity-checks": "3",
    "order-status": "30 14",
    "payment-methods": "7 5 48",
    "price-match": "48",
    "privacy-and-data-deletion": "30 30 7 12",
    "refill-club-subscription": "18.00 29.00 5 30",
    "refunds-timing-and-limits": "2 1 2 3 5 7",
    "returns-policy": "3.90 40.00 14 30 2",
    "safety-notice-kettle": "7004 25 25 26 1",
    "scheduling-meetings": "10 4",
    "suspicious-charges": "21 4",
    # How fast a ticket is answered, which no tool decides, and an example that says the rule again in figures.
    "business-service-levels": "3 2 8 2 1,200.00 3 6 72.00",
    "delayed-shipments": "5.00",  # the same in pounds
    # Dates, hours and numbers of what happened.
    "incident-notes": "21 9 10 11 40 312 22 30 2 3 9 503 14 02 14 31 2 4",
}
"""Figures of a page that some rule stands on, in their order, which no rule quotes: known, and meant so. A figure
that is added to a page, or changed there, is put into a rule or here."""

NO_RULE_STANDS_ON = {
    "api-errors", "api-getting-started", "billing-and-invoices", "contact-and-opening-hours", "loyalty-programme",
    "manual-kettle-and-grinder", "manual-radio-lamp-plugs", "manual-robot-vacuum", "recycling",
    "shipping-costs-and-times", "single-sign-on", "stoneware-and-glass-care", "textiles-and-wood-care", "warranty",
}  # fmt: skip


@pytest.mark.parametrize("page", sorted({rule.document for rule in OF_THE_SHOP}))
def test_a_figure_of_a_page_with_rules_is_in_a_rule_or_known_not_to_be(page: str) -> None:
    text = PAGES[page].split("---", 2)[2]
    quoted: set[int] = {place for found in _COUNTED.finditer(text) for place in range(*found.span())}
    for quote in (" ".join(q.split()) for rule in OF_THE_SHOP if rule.document == page for q in rule.quotes):
        for found in re.finditer(re.escape(quote), text):
            quoted.update(range(*found.span()))
    left = [found[0] for found in _FIGURE.finditer(text) if found.start() not in quoted]
    assert " ".join(left) == NOT_IN_RULES.get(page, "")


def test_pages_without_any_rule_are_known() -> None:
    assert PAGES.keys() - {rule.document for rule in OF_THE_SHOP} == NO_RULE_STANDS_ON


# --- one decision, asked twice --------------------------------------------------------------------------


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }


def _uses_in_rules() -> dict[str, set[str]]:
    """What each function, and each table, of the rules' files makes use of."""
    uses: dict[str, set[str]] = {}
    for file in (CRM / "rules").glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                uses.setdefault(node.name, set()).update(_names(node))
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        uses.setdefault(target.id, set()).update(_names(node) - {target.id})
    return uses


def _reached(*starts: str) -> set[str]:
    """The constants of rules that are reached from the files of these folders of the CRM."""
    uses, seen = _uses_in_rules(), set[str]()
    files = [file for start in starts for file in CRM.glob(start)]
    todo = set[str]().union(*(_names(ast.parse(file.read_text(encoding="utf-8"))) for file in files))
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo |= uses.get(name, set())
    return seen & RULES.keys()


OF_ARGUMENTS = {
    "agenda-of-five-points", "countries-delivered-to", "currency-stays", "email-form",
    "email-of-one-customer", "euro-methods", "freight-from-600", "in-stock", "invoice-for-plans",
    "invoice-limit", "meeting-hours", "meeting-lengths", "meeting-of-one-customer", "meeting-people",
    "no-card-numbers", "no-return-of-gift-cards",
    "nobody-else-is-named", "not-to-return", "on-sale", "one-meeting-at-a-time",
    "order-of-the-customer", "phone-form", "replacement-in-stock",
    "reports-as-pdf", "same-country", "ticket-of-the-customer", "time-in-reach",
    "time-that-exists-once", "urgent-teams", "whole-address",
}  # fmt: skip
"""Rules that only a call's own arguments can break (an amount, an address, a time): no record shows them before."""


def test_every_rule_is_asked_before_a_change() -> None:
    assert {RULES[name].id for name in RULES.keys() - _reached("changes/*.py", "*.py")} == set()


def test_every_rule_about_a_record_is_told_among_its_allowed_actions() -> None:
    told = {RULES[name].id for name in _reached("reading/*.py")}
    assert {rule.id for rule in BY_ID} - told == OF_ARGUMENTS
