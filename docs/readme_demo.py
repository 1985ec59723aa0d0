"""Put the real output of `toolward demo` into the README, or with --check say whether it still stands there.

Paths, times, token counts and run ids differ from run to run; they are written as `…` in both. Long lines are cut
there, and what comes next is told by the README itself.
"""

import os
import re
import subprocess
import sys
import tempfile
from difflib import unified_diff
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- demo: begin -->\n", "<!-- demo: end -->\n"
WIDTH = 100

_VARYING = (
    (re.compile(r"run_[0-9a-z]{20}"), "run_…"),
    (re.compile(r"\d+ ms"), "… ms"),
    (re.compile(r"\d+ \+ \d+ tokens"), "… tokens"),
    (re.compile(r"/\S*/(?=demo/workspace/|toolward)"), "…/"),
)


def output() -> str:
    """What a person sees, standard error and output in their order."""
    with tempfile.TemporaryDirectory() as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        done = subprocess.run(
            [str(Path(sys.executable).parent / "toolward"), "demo"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            env=environment | {"TOOLWARD_HOME": home, "PYTHONUNBUFFERED": "1"},
        )
    text = done.stdout
    for pattern, shown in _VARYING:
        text = pattern.sub(shown, text)
    shown = text.partition("\nNext:\n")[0]
    return "\n".join(_cut(line) for line in shown.rstrip().splitlines())


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 2].rpartition(' ')[0]} …"


def main() -> None:
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    fresh = f"{before}{BEGIN}```text\n{output()}\n```\n{END}{after}"
    if "--check" not in sys.argv[1:]:
        README.write_text(fresh, encoding="utf-8")
        return
    # Calls made together end in any order.
    differs = "\n".join(unified_diff(sorted(text.splitlines()), sorted(fresh.splitlines()), n=0, lineterm=""))
    if differs:
        raise SystemExit(
            f"The demo's output in README.md is not what `toolward demo` prints. Run: make readme\n{differs}"
        )


if __name__ == "__main__":
    main()
