"""Every key of `toolward.yaml` and of an agent's file, as the reader takes them: it reads the examples of
docs/configuration.md and docs/agents.md, and is asked which keys it knows at each place. (The tests hold that those
examples use every key.)"""

import re
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from docs.site.markdown import code, page, table
from gateway.config.agents import load_agents
from gateway.config.parse import read_settings
from gateway.config.reader import Section
from gateway.config.source import Place

DOCS = Path(__file__).parents[1]
NAMED = {"backends", "models", "facts"}
"""Places whose keys are names that the operator chooses."""
_SECRET = "x" * 40


class Known(NamedTuple):
    """The keys at each place, by the place's path: `{"backends.NAME": ["command", …], …}`, in the
    order of reading."""

    configuration: dict[str, list[str]]
    agent: dict[str, list[str]]


def known() -> Known:
    found = Known({}, {})
    with tempfile.TemporaryDirectory() as folder:
        file = example(Path(folder))
        with _noted(found.configuration):
            settings = read_settings(file, _Anything())
        with _noted(found.agent):
            load_agents(settings.agents)
    return found


def example(folder: Path) -> Path:
    """The example of the page, with the files that it names."""
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    (settings,), (servers,) = (
        re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("yaml", "json")
    )
    (agent,) = re.findall(r"```yaml\n(.*?)```", (DOCS / "agents.md").read_text(encoding="utf-8"), re.DOTALL)
    files = {
        "toolward.yaml": settings,
        "mcp.json": servers.replace('"docs"', '"handbook"'),
        "agents/support.yaml": agent,
        "agents/support.md": "Help.",
        "policies/mine.yaml": "version: 1\nrules: []\n",
        "tls/cert.pem": "",
        "tls/key.pem": "",
        "tls/clients.pem": "",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder / "toolward.yaml"


class _Anything(dict[str, str]):
    """An environment in which every variable has a value."""

    def __missing__(self, name: str) -> str:
        return _SECRET

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: str | None = None) -> str:  # type: ignore[override]
        return _SECRET


@contextmanager
def _noted(taken: dict[str, list[str]]) -> Generator[None]:
    only = Section.only

    def note(self: Section, *keys: str) -> None:
        at = taken.setdefault(path_of(self.place), [])
        at += [key for key in keys if key not in at]
        only(self, *keys)

    Section.only = note
    try:
        yield
    finally:
        Section.only = only


def path_of(place: Place) -> str:
    """`backends.NAME.oauth`, whatever the backend is called."""
    return ".".join(_parts(place)).replace(".[]", "[]")


def _parts(place: Place) -> Iterator[str]:
    before = ""
    for part in place:
        yield "[]" if isinstance(part, int) else "NAME" if before in NAMED else part
        before = "" if isinstance(part, int) or before in NAMED else part


def keys_page() -> str:
    found = known()
    return page(
        "Configuration: every key",
        "Written from what the reader takes. `NAME` is a name of your own, `[]` an entry of a list.",
        "## toolward.yaml",
        "What each key means, its default and an example: [configuration](../configuration.md).",
        _keys(found.configuration),
        "## An agent's file",
        "What each key means: [agents](../agents.md).",
        _keys(found.agent),
    )


def _keys(of: dict[str, list[str]]) -> str:
    return table(
        ("at", "keys"),
        [(code(at) if at else "the file", ", ".join(map(code, keys))) for at, keys in of.items()],
    )
