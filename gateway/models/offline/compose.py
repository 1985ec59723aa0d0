"""What a run of steps gave: the answer to a person, and the summary that goes into a file."""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import NamedTuple, cast

from gateway.models.offline.describe import as_object, described, entries, relevant, short, spaced
from gateway.models.offline.offers import Offer
from gateway.models.offline.plan import MOST_STEPS, Plan, Step
from gateway.models.offline.words import CALCULATE, KNOW, WRITE, blank, minor_digits, words
from toolward.types import Json, JsonObject

HOW_TO_CONFIGURE = (
    "I am `offline`, a stand-in that picks tools by simple rules, not a language model. For a real one set "
    "OPENAI_API_KEY, or TOOLWARD_MODEL_URL and TOOLWARD_MODEL_NAME (and TOOLWARD_MODEL_KEY if it needs a key)."
)


class Done(NamedTuple):
    """A call that was made, and what came back."""

    arguments: JsonObject
    text: str
    data: Json = None  # the text parsed, where it is JSON
    is_error: bool = False
    currency: str = ""  # of the amount that a calculation stands on


def answer(plan: Plan, done: dict[int, Done], lacking: dict[int, str]) -> str:
    """What each step gave, in order. `lacking` says of each step that was not tried why."""
    told = [(place, _outcome(plan, place, done, brief=len(plan.steps) > 2)) for place in done]
    told += [
        (place, f"I could not do “{short(plan.steps[place].text)}”: {why}.") for place, why in lacking.items()
    ]
    lines = list(dict.fromkeys(text for _, text in sorted(told) if text))
    if plan.left_out:
        lines.append(f"I take {MOST_STEPS} steps at once; {plan.left_out} more were left out.")
    return "\n\n".join([*lines, *([HOW_TO_CONFIGURE] if lacking or plan.left_out or not lines else [])])


def introduction(offers: Sequence[Offer]) -> str:
    if not offers:
        return f"No tools are offered to me, so there is nothing that I can do. {HOW_TO_CONFIGURE}"
    sentences = (re.split(r"(?<=[.!?])\s|\n\n", offer.tool.description.strip())[0] for offer in offers)
    listed = (f"- {offer.tool.name}: {short(said)}" for offer, said in zip(offers, sentences, strict=True))
    return "\n".join(("Hello. Ask me for something that these tools do:", *listed, "", HOW_TO_CONFIGURE))


def summary(plan: Plan, done: dict[int, Done], title: str) -> str:
    """A short Markdown text of what came back so far; empty where nothing did."""
    told = (_outcome(plan, place, done, brief=True) for place in sorted(done))
    points = list(dict.fromkeys("- " + text.replace("\n", "\n  ") for text in told if text))
    return (
        "\n".join((f"# {title}", "", *((plan.story, "") if plan.story else ()), *points, ""))
        if points
        else ""
    )


def recap(calls: Sequence[tuple[str, Done]]) -> str:
    """What the named tools gave, where no tools are offered any more."""
    told = (
        f"{name}: {short(one.text, 400) if one.is_error else described(one.data, one.text, brief=True)}"
        for name, one in calls
    )
    return "\n\n".join(("I may call no more tools. This is what came back until now:", *told))


def best_hit(data: Json) -> str | None:
    """The id of the first entry of a list of hits."""
    found = (as_object(entry).get("id") for entry in entries(data) or ())
    return next((identifier for identifier in found if isinstance(identifier, str)), None)


def _outcome(plan: Plan, place: int, done: dict[int, Done], *, brief: bool) -> str:
    """What one call gave; empty for a search whose best hit was fetched, as that says more."""
    step, one = plan.steps[place], done[place]
    offer = cast(Offer, step.offer)
    if one.is_error:
        return f"“{short(step.text)}” was not done; {offer.tool.name} said: {short(one.text, 400)}"
    if offer.family == CALCULATE:
        return _equation(step, one)
    if step.follows is not None:
        return _quotation(as_object(one.data), step.rest) or described(one.data, one.text, brief=brief)
    if offer.family == KNOW and (hits := entries(one.data)):
        fetched = (done.get(number) for number, other in enumerate(plan.steps) if other.follows == place)
        if any(one and not one.is_error for one in fetched):
            return ""
        hit = as_object(hits[0])
        return _quotation(hit | {"text": hit.get("snippet")}, step.rest) or described(hits, "", brief=brief)
    return _change(offer, one) if offer.changes else described(one.data, one.text, brief=brief)


def _equation(step: Step, one: Done) -> str:
    data = as_object(one.data)
    found = str(
        next((data[key] for key in ("decimal", "result", "value", "exact") if data.get(key)), one.text)
    )
    label = " ".join(word for word in words(blank(step.rest)) if word not in ("total", "amount"))
    label = f"{label[:1].upper()}{label[1:]}: " if label and one.currency else ""
    return f"{label}{one.arguments.get('expression', step.rest)} = {_figure(found, one.currency)}."


def _figure(figure: str, currency: str) -> str:
    """An amount is rounded half up to what can be paid, and both are told where they differ; any other figure
    is cut to 12 digits where it has more than 20."""
    try:
        value = Decimal(figure)
        if not currency:
            return figure if len(figure) <= 20 else f"{value:.12g} (rounded)"
        paid = value.quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_HALF_UP)
    except InvalidOperation:
        return f"{short(figure)} {currency}".strip()
    return f"{paid} {currency}" + (f" (rounded from {figure})" if paid != value else "")


def _change(offer: Offer, one: Done) -> str:
    if offer.family == WRITE and isinstance(path := one.arguments.get("path"), str):
        return f"Saved to {path}."
    given = "; ".join(f"{spaced(key)} {short(str(value))}" for key, value in one.arguments.items())
    return f"Done: {spaced(offer.tool.name.rpartition('__')[2])} ({given})."


def _quotation(document: JsonObject, topic: str) -> str:
    """The sentences of a document that fit the question best, with their source."""
    text = document.get("text")
    if not isinstance(text, str) or not text.strip():
        return ""
    title = short(str(document.get("title") or document.get("id") or "The document"))
    source = document.get("url") or document.get("id")
    return f"{title} says: “{relevant(text, topic)}”" + (f" (source: {short(str(source))})" if source else "")
