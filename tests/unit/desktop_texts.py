"""Files as people and programs write them: JSON and TOML with neighbours and comments, set in every way."""

import json
import string
from typing import Any

from hypothesis import strategies as st

PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=8).filter(
    lambda n: n != "ours"
)
SCALARS = st.none() | st.booleans() | st.integers(-9, 10**12) | PLAIN
WORDS = st.text(string.ascii_letters + " {}[]\",:'#/", max_size=12).map(lambda text: text.replace("*/", ""))


@st.composite
def json_texts(draw: st.DrawFn, *, servers: str = "mcpServers") -> str:
    """An object, mostly with `servers` in it: compact or over lines, with tabs or blanks, comments, commas."""
    nl = draw(st.sampled_from(["\n", "\r\n"]))
    comments = draw(st.booleans())
    body = _object(draw, draw(st.sampled_from(["", "  ", "\t", "    "])), "", nl, comments, 0, servers)
    head = draw(st.sampled_from(["", f"// {draw(WORDS)}{nl}", f"/* {draw(WORDS)} */"])) if comments else ""
    return head + body + draw(st.sampled_from(["", nl, nl * 2]))


def _object(
    draw: st.DrawFn, step: str, outer: str, nl: str, comments: bool, depth: int, servers: str = ""
) -> str:
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    if servers and draw(st.booleans()):
        names.insert(draw(st.integers(0, len(names))), servers)
    on_lines = bool(step) and draw(st.booleans())
    indent = outer + step
    parts: list[str] = []
    for number, name in enumerate(names):
        if name == servers or (depth < 2 and draw(st.integers(0, 3)) == 0):
            value = _object(draw, step, indent, nl, comments, depth + 1)
        else:
            value = json.dumps(
                draw(SCALARS | st.lists(SCALARS, max_size=2)), ensure_ascii=draw(st.booleans())
            )
        last = number == len(names) - 1
        comma = "," if not last or (comments and draw(st.booleans())) else ""
        between = draw(st.sampled_from(["", " ", "/* , */"])) if comments else ""
        behind = _comment(draw, on_lines) if comments else ""
        parts.append(
            f"{json.dumps(name)}:{' ' if on_lines else ''}{value}{between if comma else ''}{comma}{behind}"
        )
    if not on_lines:
        inside = f" /* {draw(WORDS)} */ " if comments and draw(st.booleans()) else ""
        return "{" + inside + " ".join(parts) + "}"
    lines = [f"{indent}{part}" for part in parts]
    if comments and draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), f"{indent}// {draw(WORDS)}")
    return "{" + nl + "".join(f"{line}{nl}" for line in lines) + outer + "}"


def _comment(draw: st.DrawFn, to_end_of_line: bool) -> str:
    kinds = ["", f" /* {draw(WORDS)} */"] + ([f" // {draw(WORDS)}"] if to_end_of_line else [])
    return draw(st.sampled_from(kinds))


def plain_json(text: str) -> Any:
    """What a text with comments says, by a reader that is not ours: comments and trailing commas cut out first."""
    out: list[str] = []
    at, in_text = 0, False
    while at < len(text):
        if in_text:
            end = at + 2 if text[at] == "\\" else at + 1
            in_text = text[at] != '"'
            out.append(text[at:end])
        elif text.startswith("//", at):
            ends = [found for found in (text.find("\n", at), text.find("\r", at)) if found >= 0]
            end = min(ends, default=len(text))
        elif text.startswith("/*", at):
            end = text.index("*/", at) + 2
        else:
            in_text, end = text[at] == '"', at + 1
            if text[at] in "}]":
                while out and out[-1] in " \t\r\n":
                    out.pop()
                if out and out[-1] == ",":
                    out.pop()
            out.append(text[at])
        at = end
    return json.loads("".join(out))


@st.composite
def toml_texts(draw: st.DrawFn) -> str:
    nl = draw(st.sampled_from(["\n", "\r\n"]))
    lines: list[str] = _pairs(draw)
    tables = draw(st.lists(NAMES, max_size=3, unique=True))
    for name in tables:
        under = draw(st.sampled_from(["mcp_servers", "projects", '"a.b"']))
        lines += _quiet(draw)
        lines.append(f"[{under}.{name}]{draw(st.sampled_from(['', ' # [x]']))}")
        lines += _pairs(draw)
    lines += _quiet(draw)
    return "".join(f"{line}{nl}" for line in lines)


def _quiet(draw: st.DrawFn) -> list[str]:
    return draw(st.lists(st.sampled_from(["", "# a comment", "# [mcp_servers.ours]"]), max_size=2))


def _pairs(draw: st.DrawFn) -> list[str]:
    values = [
        *(
            "1",
            "nan",
            "2026-11-26",
            "'[mcp_servers.ours]'",
            '"a # b"',
            "{ a = '[', b = [1] }",
            "[['a'], [\"]\"]]",
        ),
        "[\n  1, # ]\n  '''\n[mcp_servers.ours]\n''',\n]",
        '"""\n[mcp_servers.ours]\ncommand = \\"x\\"\n"""',
    ]
    return [
        f"{name} = {draw(st.sampled_from(values))}{draw(st.sampled_from(['', '  # so']))}"
        for name in draw(st.lists(NAMES, max_size=2, unique=True))
    ]
