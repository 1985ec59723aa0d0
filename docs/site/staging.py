"""A copy of the pages for Sphinx: with the navigation, the pages that are written from the code, and
pictures within the page. What lies in docs/ is plain Markdown and stays as it is."""

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from docs.site.commands import commands_page
from docs.site.errors import errors_page
from docs.site.keys import keys_page
from docs.site.policy import policy_page
from docs.site.protos import protos_page
from docs.site.rest import rest_page
from docs.site.tools import tools_page

DOCS = Path(__file__).parents[1]
SITE = Path(__file__).parent

REFERENCE: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/keys.md": keys_page,
    "reference/policy.md": policy_page,
    "reference/errors.md": errors_page,
    "reference/tools.md": tools_page,
    "reference/rest.md": rest_page,
    "reference/protos.md": protos_page,
}
"""Pages that are not in docs/: they are written from the code at every build, so they cannot be behind it."""

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
_PICTURE = re.compile(r"^!\[([^\]]+)\]\(([^)\s]+\.svg)\)$", re.MULTILINE)
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


def pages() -> list[str]:
    """Every page of docs/, by its path there."""
    found = (path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    return sorted(path for path in found if not path.startswith("site/"))


def stage(folder: Path) -> None:
    """Write everything that Sphinx needs into `folder`."""
    for path in pages():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = _with_pictures((DOCS / path).read_text(encoding="utf-8"), DOCS / path)
        target.write_text(_linked(text, path) + navigation(path), encoding="utf-8")
    for path, make in REFERENCE.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(make(), encoding="utf-8")
    for path in DOCS.rglob("*"):
        if path.suffix in (".png", ".json"):
            (folder / path.relative_to(DOCS)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path.relative_to(DOCS))
    shutil.copyfile(SITE / "conf.py", folder / "conf.py")
    for kind in ("static", "templates"):
        shutil.copytree(SITE / kind, folder / f"_{kind}", dirs_exist_ok=True)


def _linked(text: str, path: str) -> str:
    """Links to files of the repository that are no pages become their names: the site is read without it."""

    def settled(found: re.Match[str]) -> str:
        words, target = found.groups()
        if "://" in target or target.startswith("#"):
            return found[0]
        file = (DOCS / path).parent / target.partition("#")[0]
        inside = file.resolve().is_relative_to(DOCS.resolve())
        return found[0] if inside else f"{words} (`{file.resolve().relative_to(DOCS.parent.resolve())}`)"

    return LINK.sub(settled, text)


def _with_pictures(text: str, page: Path) -> str:
    """SVG stands in the page itself, so that it takes the page's colours, light or dark."""

    def drawn(found: re.Match[str]) -> str:
        words, file = found.groups()
        svg = (page.parent / file).read_text(encoding="utf-8")
        svg = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL).replace("\n", "")
        return f'<figure class="drawing" role="img" aria-label="{words}">{svg}</figure>'

    return _PICTURE.sub(drawn, text)


def navigation(path: str) -> str:
    """The `toctree`s of a page: of the front page its sections with the pages that they link to, of a folder's
    README the pages beside it."""
    if path == "index.md":
        chapters = contents().items()
        return "".join(_toctree(map(_entry, links.items()), title) for title, links in chapters)
    folder, _, name = path.rpartition("/")
    if name != "README.md":
        return ""
    return _toctree(sorted(other.removeprefix(f"{folder}/") for other in pages() if _beside(folder, other)))


def _entry(link: tuple[str, str]) -> str:
    path, words = link
    shown = words if any(map(str.isupper, words.split()[0])) else f"{words[:1].upper()}{words[1:]}"
    return f"{shown} <{path}>"


def _beside(folder: str, other: str) -> bool:
    return other.rpartition("/")[0] == folder and not other.endswith("README.md")


def contents() -> dict[str, dict[str, str]]:
    """The sections of the front page, each with the pages that it links to and the words of the link."""
    _, *parts = _SECTION.split((DOCS / "index.md").read_text(encoding="utf-8"))
    return {
        title: {link: words for words, link in LINK.findall(text) if "://" not in link and "#" not in link}
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def _toctree(entries: Iterable[str], title: str = "") -> str:
    caption = f":caption: {title}\n" if title else ""
    return f"\n```{{toctree}}\n:hidden:\n{caption}\n" + "\n".join(entries) + "\n```\n"
