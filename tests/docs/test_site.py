"""The site: its reference has everything that the code has, its navigation every page, and links lead somewhere.
(`make docs`, which .ci/run calls, builds it; there a warning of Sphinx is an error.)"""

import re
from collections.abc import Callable, Iterable
from functools import cache

import pytest

from docs.site import commands, errors, keys, policy, protos, rest, tools
from docs.site.drawings import DRAWINGS, FOLDER
from docs.site.markdown import prose
from docs.site.staging import DOCS, LINK, REFERENCE, contents, pages
from gateway.core.operations import OPERATIONS
from toolward.errors import BY_CODE


def _tools() -> list[str]:
    return [f"{name}.{tool.name}" for name in tools.SERVERS for tool in tools.offered(name)[1]]


def _paths() -> list[str]:
    return [f"{method} {prose(path)}" for method, path, _ in rest.operations(rest.document())]


@pytest.mark.parametrize(
    ("written", "named"),
    [
        (
            commands.commands_page,
            lambda: [" ".join(("# toolward", *words)) for words, _ in commands.commands()],
        ),
        (errors.errors_page, lambda: [f"`{code}`" for code in BY_CODE]),
        (policy.policy_page, lambda: [f"`{name}`" for name in OPERATIONS]),
        (protos.protos_page, protos.words),
        (tools.tools_page, _tools),
        (rest.rest_page, _paths),
        (keys.keys_page, lambda: ["`backends.NAME.oauth`", "`identity.providers[]`", "`instructions_file`"]),
    ],
    ids=lambda value: value.__name__,
)
def test_the_reference_has_all_that_the_code_has(
    written: Callable[[], str], named: Callable[[], Iterable[str]]
) -> None:
    page, wanted = written(), list(named())
    assert len(wanted) > 2
    assert [one for one in wanted if one not in page] == []


def test_a_command_is_told_with_what_it_takes() -> None:
    page = commands.commands_page()
    told = page.partition("### toolward tool call\n")[2].partition("\n###")[0]
    assert "toolward tool call NAME [ARGUMENTS] [OPTIONS]" in told
    assert "| `--key` |" in told
    assert "toolward tool call calculator.calculate" in told


def test_what_code_says_is_no_markdown() -> None:
    assert prose("a `b_c` <d> *e* [f](g)") == r"a `b_c` \<d\> \*e\* \[f\](g)"


def test_the_front_page_leads_to_every_page() -> None:
    listed = {link for links in contents().values() for link in links}
    wanted = {
        path for path in pages() if not path.startswith(("decisions/", "benchmarks/")) and path != "index.md"
    }
    assert wanted | set(REFERENCE) <= listed


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_what_the_script_draws(name: str) -> None:
    assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == DRAWINGS[name]().svg()


@cache
def anchors(path: str) -> frozenset[str]:
    """As MyST and the usual web views make them of headings."""
    text = re.sub(
        r"^```.*?^```", "", (DOCS / path).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads)


@pytest.mark.parametrize("page", pages())
def test_links_and_anchors_lead_somewhere(page: str) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    wrong: list[str] = []
    for _, link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        file = (DOCS / page).parent / path if path else DOCS / page
        if (
            "://" in link
            or file.resolve().relative_to(DOCS.parent).as_posix().removeprefix("docs/") in REFERENCE
        ):
            continue
        inside = file.suffix == ".md" and file.resolve().is_relative_to(DOCS)
        known = not anchor or (inside and anchor in anchors(file.resolve().relative_to(DOCS).as_posix()))
        if not (file.exists() and known):
            wrong.append(link)
    assert wrong == []
