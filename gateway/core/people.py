"""The tools by which an agent turns to people, as the catalog lists them: `people.ask_person` and
`people.escalate_to_person`. They are the gateway's own, so no server is asked and nothing is pinned; policy,
aliases and the `tools` of an agent hold for them as for any other. Outside runs they are not there: who would wait?

What a call of one does is in `gateway.core.asking`.
"""

from collections.abc import Mapping
from typing import Any

from gateway.core.entries import ToolFacts
from gateway.core.ports import Listing
from toolward.types import JsonObject, Tool

PEOPLE = "people"
"""The name that stands before theirs; no backend may have it."""

ASK, ESCALATE = "people.ask_person", "people.escalate_to_person"


def _text(longest: int, description: str) -> JsonObject:
    # \S: a text of nothing but spaces asks nothing
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": longest,
        "pattern": r"\S",
        "description": description,
    }


def _list(items: JsonObject, most: int, description: str, **more: Any) -> JsonObject:
    return {"type": "array", "items": items, "maxItems": most, "description": description, **more}


def _object(properties: JsonObject, *required: str) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_ASK = Tool(
    "ask_person",
    "Ask the person whom you work for, when you lack something that only they can say and no tool can find: a"
    " choice, a missing detail. Your work waits until they answer, which may take hours or days; the answer is the"
    " result. Ask one clear question, with what they need to know to answer it. With `choices` the answer is one of"
    " them.",
    _object(
        {
            "question": _text(4_000, "The question, with all that is needed to answer it."),
            "choices": _list(
                _text(200, "An answer, in a few words."),
                10,
                "The possible answers, where there are only these.",
                minItems=2,
                uniqueItems=True,
            ),
        },
        "question",
    ),
    title="Ask a person",
    annotations={"readOnlyHint": True},
)

_ESCALATE = Tool(
    "escalate_to_person",
    "Hand the case to a person when you cannot or must not finish it: a rule forbids it, facts contradict each"
    " other, somebody may be harmed, or you are asked for a person. They can answer, or take the case over and hand"
    " it back; your work waits meanwhile, and what they say is the result. Give them all that you found, each with"
    " where it stands, so that they need not begin again.",
    _object(
        {
            "summary": _text(
                8_000, "What the case is about, why it needs a person, and what they should decide."
            ),
            "facts": _list(
                _object(
                    {
                        "fact": _text(2_000, "One thing that is known."),
                        "source": _text(
                            500, "Where it stands: a record's id, a document's title, who said it."
                        ),
                    },
                    "fact",
                    "source",
                ),
                50,
                "What you found out.",
            ),
            "tried": _list(_text(1_000, "One thing, and what came of it."), 50, "What was tried already."),
        },
        "summary",
        "facts",
        "tried",
    ),
    title="Hand the case to a person",
    annotations={"readOnlyHint": True},
)

LISTING = Listing(PEOPLE, "built-in", "this gateway", (_ASK, _ESCALATE))
"""Beside the listings of the backends."""

FACTS: Mapping[str, ToolFacts] = dict.fromkeys((ASK, ESCALATE), ToolFacts(changes=False, idempotent=True))
"""Asking changes nothing, and the same call never asks twice."""
