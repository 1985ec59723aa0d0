"""What pages point to: their links, the actions of their forms, and what they hear live."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import parse_qsl, urldefrag, urlencode, urljoin, urlsplit

import httpx

_IDS = re.compile(r"\b(run|call|req)_[0-9a-z]{8,}|(?<=/requests/)\d+|(?<=^/tools/)[\w.]+")

OF_A_KIND, OF_A_PATH = 4, 12
"""Filters may be put together in hundreds of ways."""


class Pointer(NamedTuple):
    """`where` is an address from the root, with its query and without its fragment."""

    method: str
    where: str
    fragment: str = ""
    live: bool = False

    @property
    def kind(self) -> tuple[str, ...]:
        """What the addresses of one kind of page have in common: its parts but for ids, and what is asked."""
        there = urlsplit(self.where)
        asked = sorted(name for name, _ in parse_qsl(there.query, keep_blank_values=True))
        return (self.method, _IDS.sub("ID", there.path), *asked)


class _Reader(HTMLParser):
    def __init__(self, at: str) -> None:
        super().__init__()
        self.at, self.ids, self.found = at, set[str](), list[Pointer]()
        self._form: tuple[str, dict[str, str]] | None = None  # one that is sent by GET

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if "id" in has:
            self.ids.add(has["id"])
        if tag in ("a", "link", "use") and "href" in has:
            self._points("GET", has["href"])
        elif "src" in has:
            self._points("GET", has["src"])
        elif tag == "form":
            if has.get("method") == "post":
                self._points("POST", has["action"])
            else:
                self._form = (has["action"], {})
        elif tag == "input" and self._form and "name" in has:
            self._form[1][has["name"]] = has.get("value", "")
        if "data-live" in has:
            self._points("GET", has["data-live"], live=True)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form:
            self._points("GET", f"{self._form[0]}?{urlencode(self._form[1])}")
            self._form = None

    def _points(self, method: str, where: str, *, live: bool = False) -> None:
        if urlsplit(where).scheme in ("", "http", "https"):  # else it is a program's own
            address, fragment = urldefrag(urljoin(self.at, where))
            self.found.append(Pointer(method, address, fragment, live))


class Crawler:
    """Follows what pages point to, from page to page: a few of each kind (`Pointer.kind`), so that it comes to an
    end. Forms that change something are sent empty by a stranger, from whom nobody takes them."""

    def __init__(self, client: httpx.Client, stranger: httpx.Client) -> None:
        self._clients = {"GET": client, "POST": stranger}
        self._seen: dict[str, dict[str, tuple[str, ...]]] = {}
        self._ids: dict[str, set[str]] = {}
        self.broken: list[str] = []
        self.followed: set[tuple[str, ...]] = set()

    def follow(self, *starts: str) -> None:
        waiting = [(Pointer("GET", where), "the start") for where in starts]
        fragments: list[tuple[Pointer, str]] = []
        while waiting:
            pointer, page = waiting.pop(0)
            if pointer.fragment:
                fragments.append((pointer, page))
            if self._enough(pointer):
                continue
            waiting += ((found, pointer.where) for found in self._looked_at(pointer, page))
        for pointer, page in fragments:
            if pointer.fragment not in self._ids.get(pointer.where, {pointer.fragment}):
                self.broken.append(f"{page}: {pointer.where} has no #{pointer.fragment}")

    def _enough(self, pointer: Pointer) -> bool:
        seen = self._seen.setdefault(pointer.kind[1], {})
        alike = list(seen.values()).count(pointer.kind)
        if pointer.where in seen or alike >= OF_A_KIND or len(seen) >= OF_A_PATH:
            return True
        seen[pointer.where] = pointer.kind
        return False

    def _looked_at(self, pointer: Pointer, page: str) -> Iterator[Pointer]:
        self.followed.add(pointer.kind)
        with self._clients[pointer.method].stream(pointer.method, pointer.where) as answer:
            there = (200,) if pointer.method == "GET" else (303, 400, 401, 403)
            if answer.status_code not in there:
                self.broken.append(f"{page}: {pointer.method} {pointer.where} is {answer.status_code}")
            if (
                pointer.live
                or pointer.method != "GET"
                or "html" not in answer.headers.get("content-type", "")
            ):
                return
            answer.read()
        reader = _Reader(pointer.where)
        reader.feed(answer.text)
        self._ids[pointer.where] = reader.ids
        yield from reader.found
