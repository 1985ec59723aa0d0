"""`python -m docs.site.drawings [--check]`: the drawings of docs/architecture.md, as SVG in docs/pictures.

A drawing is boxes, notes and arrows with attributes and classes only. Its own style, light and dark, is for where the
file is shown alone; in the site it is left out, and site.css gives the same classes the page's colours.
"""

import sys
from collections.abc import Callable
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "pictures"
_STYLE = """<style>
text{font-family:system-ui,sans-serif;font-size:13px;fill:#1b2430}
.title{font-weight:600}.note{font-size:12px;fill:#57606a}
.box{fill:#ffffff;stroke:#57606a}.strong{fill:#e4eefc;stroke:#0a56b5}.ground{fill:#f6f7f9;stroke:#57606a}
.arrow{stroke:#57606a;fill:none}.head{fill:#57606a}
@media(prefers-color-scheme:dark){text{fill:#e6ebf1}.note{fill:#9aa4b0}
.box{fill:#1a212a;stroke:#9aa4b0}.strong{fill:#16294a;stroke:#7db3ff}.ground{fill:#12171e;stroke:#9aa4b0}
.arrow{stroke:#9aa4b0}.head{fill:#9aa4b0}}
</style>"""
_LINE = 17
"""Pixels from one line of text to the next."""


class Drawing:
    """What is drawn so far. Lengths are pixels, from the upper left corner."""

    def __init__(self, name: str, width: int, height: int) -> None:
        self.name = name  # of the arrows' head: several drawings stand in one page
        self.width, self.height = width, height
        self._parts: list[str] = []

    def box(self, x: int, y: int, w: int, h: int, title: str, *lines: str, kind: str = "box") -> None:
        """A box with its title and lines of text in its middle; a `ground` has its title at the top, and holds others."""
        self._parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="6"/>')
        top = y + 20 if kind == "ground" else y + h // 2 - (len(lines) * _LINE) // 2 + 5
        self.text(x + w // 2, top, title, "title")
        for number, line in enumerate(lines, 1):
            self.text(x + w // 2, top + number * _LINE, line, "note")

    def text(self, x: int, y: int, words: str, kind: str = "note", anchor: str = "middle") -> None:
        self._parts.append(
            f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def arrow(self, *points: tuple[int, int], both: bool = False) -> None:
        """A line through these points, with a head at its end, or at both."""
        path = " ".join(f"{x},{y}" for x, y in points)
        ends = f'marker-end="url(#{self.name})"' + (f' marker-start="url(#{self.name})"' if both else "")
        self._parts.append(f'<polyline class="arrow" points="{path}" {ends}/>')

    def svg(self) -> str:
        head = (
            f'<defs><marker id="{self.name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto-start-reverse"><path class="head" d="M0 0 8 4 0 8z"/></marker></defs>'
        )
        size = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}"'
        body = "\n".join(self._parts)
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n{_STYLE}\n{head}\n{body}\n</svg>\n'


def parts() -> Drawing:
    drawn = Drawing("parts", 860, 420)
    callers = (
        ("Desktop client", "MCP over stdio or HTTP"),
        ("Program", "REST or gRPC"),
        ("OpenAI client", "chat completions"),
        ("Person", "console, command line"),
        ("Gateway in front", "gRPC"),
    )
    for number, (who, how) in enumerate(callers):
        y = 40 + number * 74
        drawn.box(10, y, 180, 54, who, how)
        drawn.arrow((190, y + 27), (240, y + 27))
    drawn.box(240, 10, 380, 400, "Gateway", kind="ground")
    drawn.box(
        256, 44, 100, 350, "Doors", "who calls?", "MCP, REST,", "gRPC, console", "one code", "for each error"
    )
    drawn.box(376, 44, 228, 96, "Dispatch", "find, check, decide,", "record, call", kind="strong")
    drawn.box(376, 158, 108, 66, "Policy", "allow, ask, deny")
    drawn.box(496, 158, 108, 66, "Catalog", "tools, pinned")
    drawn.box(376, 242, 108, 66, "Inbox", "for people")
    drawn.box(496, 242, 108, 66, "Runs", "agents’ loops")
    drawn.box(376, 334, 228, 60, "Ledger", "calls, runs, answers: one chain")
    drawn.arrow((356, 92), (376, 92))
    drawn.arrow((356, 275), (376, 275))
    drawn.arrow((356, 321), (550, 321), (550, 308))
    drawn.arrow((496, 262), (490, 262), (490, 140))
    drawn.arrow((430, 158), (430, 140), both=True)
    drawn.arrow((550, 158), (550, 140), both=True)
    servers = ("calculator", "search", "files", "crm", "yours, others’")
    for number, name in enumerate(servers):
        y = 24 + number * 56
        drawn.box(690, y, 160, 42, name)
        drawn.arrow((604, 92), (660, 92), (660, y + 21), (690, y + 21))
    drawn.text(770, 316, "tool servers: MCP or gRPC")
    drawn.box(690, 340, 160, 54, "Model endpoint", "or the offline stand-in")
    drawn.arrow((604, 275), (630, 275), (630, 367), (690, 367))
    return drawn


def one_call() -> Drawing:
    drawn = Drawing("call", 860, 304)
    steps = (
        ("1  Who?", "a door proves", "the caller"),
        ("2  What?", "find the tool,", "check arguments"),
        ("3  Decide", "policy: allow,", "ask, deny"),
        ("4  Record", "the intent is", "on disk"),
        ("5  Call", "one round trip,", "with a deadline"),
        ("6  Record", "check, label,", "store the outcome"),
    )
    for number, (title, *lines) in enumerate(steps):
        x = 10 + number * 142
        drawn.box(x, 30, 122, 86, title, *lines, kind="strong" if number == 2 else "box")
        if number:
            drawn.arrow((x - 20, 73), (x, 73))
    drawn.arrow((355, 116), (355, 160))
    drawn.text(365, 142, "ask", anchor="start")
    drawn.box(274, 160, 162, 62, "Inbox", "waits for a person,", "through restarts")
    drawn.arrow((436, 191), (497, 191), (497, 116))
    drawn.text(442, 184, "yes, once", anchor="start")
    drawn.arrow((325, 116), (325, 138), (213, 138), (213, 160))
    drawn.text(262, 132, "deny")
    drawn.box(152, 160, 112, 62, "Refused", "by which rule,", "and what to do")
    told = "every decision and every outcome is a row: who, what, which rule, how it ended"
    drawn.box(10, 246, 840, 48, "Ledger", told)
    for x, y in ((208, 222), (355, 222), (530, 116), (789, 116)):
        drawn.arrow((x, y), (x, 246))
    return drawn


def one_run() -> Drawing:
    drawn = Drawing("run", 860, 330)
    drawn.box(10, 20, 840, 150, "The run’s log: events are only ever added", kind="ground")
    events = (
        ("started", "the question"),
        ("reply", "of the model"),
        ("call", "decided"),
        ("outcome", "of the tool"),
        ("asked", "a person"),
        ("answered", "yes"),
        ("completed", "the answer"),
    )
    for number, (title, line) in enumerate(events):
        x = 26 + number * 118
        drawn.box(x, 62, 100, 58, title, line, kind="strong" if title in ("asked", "answered") else "box")
        if number:
            drawn.arrow((x - 18, 91), (x, 91))
    drawn.text(548, 150, "between these two nothing waits in memory")
    drawn.box(110, 222, 160, 70, "State", "what the events", "come to")
    drawn.box(350, 222, 160, 70, "Next step", "pure: same log,", "same step")
    drawn.box(590, 222, 160, 70, "Do it", "through policy,", "under a lease")
    drawn.arrow((190, 170), (190, 222))
    drawn.arrow((270, 257), (350, 257))
    drawn.arrow((510, 257), (590, 257))
    drawn.arrow((670, 222), (670, 170))
    drawn.text(200, 202, "fold", anchor="start")
    drawn.text(680, 202, "append", anchor="start")
    drawn.text(430, 318, "killed anywhere, it goes on where the log ends")
    return drawn


DRAWINGS: dict[str, Callable[[], Drawing]] = {"parts": parts, "one-call": one_call, "one-run": one_run}


def main() -> None:
    for name, draw in DRAWINGS.items():
        file, fresh = FOLDER / f"{name}.svg", draw().svg()
        if "--check" not in sys.argv[1:]:
            file.write_text(fresh, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != fresh:
            raise SystemExit(f"{file.name} is not what the script draws. Run: python -m docs.site.drawings")


if __name__ == "__main__":
    main()
