"""Telling a person what came back. What stands in a result is shortened and quoted, never acted on."""

import re

from gateway.core.ports import Message
from gateway.models.offline.fill import Tool, as_list, as_object
from gateway.models.offline.words import Clause, stems
from toolward.errors import ToolwardError
from toolward.schema import parse
from toolward.types import Json, JsonObject

HOW_TO_CONFIGURE = (
    "I am `offline`, a stand-in that picks tools by simple rules, not a language model. For a real one set "
    "OPENAI_API_KEY or ANTHROPIC_API_KEY, or TOOLWARD_MODEL_URL and TOOLWARD_MODEL_NAME (and TOOLWARD_MODEL_KEY if "
    "it needs a key)."
)


def parsed(result: Message) -> Json:
    """The value of the JSON that came back; None for any other text."""
    try:
        return None if result.is_error else parse(result.text.encode(), "result")
    except ToolwardError:
        return None


def told(clause: Clause, tool: Tool | None, result: Message) -> str:
    """What the call for a clause gave."""
    asked, data = short(clause.text).rstrip(" .?!"), as_object(parsed(result))
    asked = asked[:1].upper() + asked[1:]
    if result.is_error:
        return f"“{asked}” was not done; {tool.name if tool else 'the tool'} said: {short(result.text, 400)}"
    if tool and tool.changes:
        return f"Done: {asked}."
    if "expression" in data and "decimal" in data:
        return f"{asked}: {data['expression']} = {short(str(data['decimal']))}."
    return _quotation(data, clause.rest) if "text" in data else described(result)


def described(result: Message) -> str:
    """A result of any shape: the entries of a list, the fields of a record, or the text quoted line by line."""
    record = as_object(parsed(result))
    lists = [as_list(value) for value in record.values() if isinstance(value, list)]
    if len(lists) == 1 and "id" not in record:
        entries = [f"- {_value(entry)}" for entry in lists[0]]
        return "\n".join((f"{len(entries)} found:", *entries[:10])) if entries else "Nothing was found."
    if not record:
        return "\n".join(f"> {line}" for line in (result.text[:1500].strip() or "(nothing)").splitlines())
    head = f"{record.get('record_type', 'result')} ".capitalize() + str(record.get("id", ""))
    facts = {key: _value(one) for key, one in record.items() if key not in ("id", "record_type")}
    said = "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items() if value)
    return f"{head}: {said}."


def short(text: str, longest: int = 120) -> str:
    """On one line, and cut at a word."""
    line = " ".join(text[: 2 * longest].split())
    return line if len(line) <= longest else f"{line[:longest].rpartition(' ')[0]} …"


def _quotation(document: JsonObject, topic: str) -> str:
    """The paragraph that, with its heading, shares the most words with the topic, and where it stands."""
    asked, heading, best = set(stems(topic)), "", (-1, "")
    for block in re.split(r"\n\s*\n|\n(?=[-*|])", str(document["text"])):
        heading = block if block.startswith("#") else heading
        shared = len(asked.intersection(stems(block))) + len(asked.intersection(stems(heading)))
        if shared > best[0] and block != heading:
            best = (shared, f"{heading.strip('# ')}: {block.lstrip('-*| ')}".removeprefix(": "))
    title, source = short(str(document.get("title"))), short(str(document.get("url", document.get("id"))))
    return f"{title} says: “{short(best[1], 400)}” (source: {source})"


def _value(value: Json) -> str:
    """On one line; of an object its id and name, or else its plain values. What may be done is not told."""
    if isinstance(value, list):
        entries = [entry for entry in as_list(value) if "allowed" not in as_object(entry)]
        return short(", ".join(_value(entry) for entry in entries[:10]))
    record = as_object(value)
    if not record:
        return short(str(value)) if value not in (None, {}) else ""
    named = [str(record[key]) for key in ("display", "id", "name", "title") if record.get(key)]
    if named and named != [record.get("id")]:
        return short(" ".join(named))
    return short(", ".join(one for one in record.values() if one and isinstance(one, str)))
