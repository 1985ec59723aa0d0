"""Telling a result of any shape to a person. What stands in a result is shortened and quoted, never acted on."""

import re
from collections.abc import Iterator, Sequence
from typing import cast

from gateway.models.offline.facts import as_money
from gateway.models.offline.words import stems
from toolward.types import Json, JsonObject

_LONGEST_VALUE = 120  # characters
_LONGEST_SENTENCE = 400
_LONGEST_TEXT = 1500
_MOST_ENTRIES = 10
_NAMES = ("title", "name", "subject", "path")


def as_object(data: Json) -> JsonObject:
    return cast(JsonObject, data) if isinstance(data, dict) else {}


def entries(data: Json) -> Sequence[Json] | None:
    """The list that a result is, or that an object which is no record of its own holds."""
    if isinstance(data, list):
        return cast(list[Json], data)
    owner = as_object(data)
    lists = [cast(list[Json], value) for value in owner.values() if isinstance(value, list)]
    return lists[0] if len(lists) == 1 and "id" not in owner else None


def described(data: Json, text: str, *, brief: bool) -> str:
    """A result whole, or `brief`: on one line, without the lists in it. `data` is None where `text` is no JSON."""
    if (listed := entries(data)) is not None:
        total = as_object(data).get("total")
        return _listed(listed, max(total if isinstance(total, int) else 0, len(listed)))
    if not (record := as_object(data)):
        return quoted(text if data is None else str(data), brief=brief)
    body = next(
        (record[key] for key in ("content", "text", "body") if isinstance(record.get(key), str)), None
    )
    if body is not None and "id" not in record:
        return f"{_name(record) or 'It says'}:\n{quoted(body, brief=brief)}"
    kind = spaced(str(record.get("record_type") or record.get("type") or ""))
    head = f"{kind} {record.get('id') or _name(record)}".strip() or "result"
    facts = list(_facts(record, brief))
    told = ":\n- " + "\n- ".join(facts) if not brief else f": {'; '.join(facts)}."
    return head[:1].upper() + head[1:] + told


def quoted(text: str, *, brief: bool) -> str:
    """Marked as a quotation line by line, so that nothing in it passes for ours."""
    cut = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} …"
    lines = [short(text, 200)] if brief else cut.splitlines()
    return "\n".join(f"> {line}" for line in lines)


def relevant(text: str, topic: str) -> str:
    """The two sentences, at most, that share the most words with the topic; those under its heading gain."""
    asked = stems(topic)
    scored: list[tuple[float, int, str]] = []
    heading = 0.0
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)|\n(?=[#|])", text):
        line = " ".join(re.sub(r"[*`]+|^\s*(?:-|\d+\.)\s", "", block.strip("| \n")).replace("|", "·").split())
        if line.startswith("#"):
            heading = 0.5 * len(stems(line) & asked)
            continue
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z\"“])", line):
            scored.append(
                (-len(asked & stems(sentence)) - heading, len(scored), short(sentence, _LONGEST_SENTENCE))
            )
    best = sorted(scored)[:2]
    kept = [one for one in best if one[0] <= 0.5 * best[0][0]]
    return " … ".join(sentence for _, _, sentence in sorted(kept, key=lambda one: one[1]))


def short(text: str, longest: int = _LONGEST_VALUE) -> str:
    """On one line, and cut at a word."""
    line = " ".join(text[: 2 * longest].split())
    return line if len(line) <= longest else f"{line[:longest].rpartition(' ')[0] or line[:longest]} …"


def spaced(name: str) -> str:
    return name.replace("_", " ")


def _listed(listed: Sequence[Json], total: int) -> str:
    lines = [f"- {_value(entry)}" for entry in listed[:_MOST_ENTRIES]]
    head = f"{total} found" + (f", the first {len(lines)}:" if total > len(lines) else ":")
    return "\n".join((head, *lines)) if lines else "Nothing was found."


def _name(entry: JsonObject) -> str:
    return short(str(next((entry[key] for key in _NAMES if entry.get(key)), "")))


def _facts(record: JsonObject, brief: bool) -> Iterator[str]:
    for key, value in record.items():
        told = key not in ("id", "record_type", "type") and value not in (None, "", [], {})
        if told and not (brief and isinstance(value, list)):
            yield f"{spaced(key)}{' ' if brief else ': '}{_value(value)}"


def _value(value: Json) -> str:
    if (amount := as_money(value)) is not None:
        return f"{amount.amount} {amount.currency}"
    if isinstance(value, list):
        return ", ".join(_value(entry) for entry in cast(list[Json], value)[:_MOST_ENTRIES])
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _entry(cast(JsonObject, value)) if isinstance(value, dict) else short(str(value))


def _entry(entry: JsonObject) -> str:
    """An object inside another: its id and name, and a few of its plain values in brackets."""
    head = " ".join(filter(None, (str(entry.get("id") or ""), _name(entry))))
    plain = [
        f"{spaced(key)} {_value(value)}"
        for key, value in entry.items()
        if key not in ("id", "record_type", "type", *_NAMES)
        and (as_money(value) or not isinstance(value, list | dict))
        and value not in (None, "")
    ]
    told = ", ".join(plain[:4])
    return f"{head} ({told})" if head and told else head or told
