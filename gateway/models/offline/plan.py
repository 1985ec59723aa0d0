"""From a request to steps, each with the tool that serves it best by a few points that anybody can recount."""

import re
from typing import NamedTuple

from gateway.models.offline.fill import Situation, expression, fill, loose_ids, spoken
from gateway.models.offline.offers import Offer, Parameter, things
from gateway.models.offline.words import (
    CALCULATE,
    FIND,
    KNOW,
    LOOK,
    QUESTION,
    READ,
    VERBS,
    WRITE,
    blank,
    clauses,
    is_conditional,
    lead,
    refers_back,
    stems,
    tokens,
    words,
)

MOST_STEPS = 12
_MOST_CALLS = 2 * MOST_STEPS
_LONGEST_TEXT = 20_000  # characters that are read
_ENOUGH = 3.0  # points below which a tool is not called


class Step(NamedTuple):
    """One thing to do. `offer` is None where no tool serves it; `follows` is the place in the plan of the search
    whose best hit this step fetches."""

    text: str
    rest: str  # behind the verb
    before: str
    offer: Offer | None
    follows: int | None = None


class Plan(NamedTuple):
    steps: tuple[Step, ...]
    story: str  # the sentences that ask for nothing, but say what it is about
    things: frozenset[str]
    left_out: int = 0  # steps over the bound

    def situation(self, step: Step) -> Situation:
        return Situation(step.text, step.rest, step.before, self.story, self.things, ())


def make_plan(text: str, offers: tuple[Offer, ...]) -> Plan:
    """Depends on the request and the tools alone, so every turn of a conversation makes the same plan."""
    text = text[:_LONGEST_TEXT]
    own_verbs = frozenset(offer.verb for offer in offers if not offer.family)
    asked, story = _sort(clauses(text, own_verbs), own_verbs)
    plan = Plan((), " ".join(story), things(offers))
    fetchers = {offer.tool.name: fetcher for offer in offers if (fetcher := _fetcher(offer, offers))}
    # a tool that fetches hits takes its ids from the search alone
    direct = tuple(offer for offer in offers if offer not in fetchers.values())
    steps: list[Step] = []
    for clause in asked[:MOST_STEPS]:
        before = text[: text.find(clause)]
        offer = _choose(clause, before, plan, direct, own_verbs)
        step = Step(clause, lead(clause, own_verbs)[1], before, offer)
        for one in (*_needed_first(step, steps, plan, direct), step, *_more_of_the_same(step, plan)):
            steps.append(one)
            if one.offer and (fetcher := fetchers.get(one.offer.tool.name)):
                steps.append(one._replace(offer=fetcher, follows=len(steps) - 1))
    kept, cut = steps[:_MOST_CALLS], steps[_MOST_CALLS:]
    left_out = len(asked[MOST_STEPS:]) + sum(step.follows is None for step in cut)
    return plan._replace(steps=tuple(kept), left_out=left_out)


def _sort(parts: tuple[str, ...], own_verbs: frozenset[str]) -> tuple[list[str], list[str]]:
    """The clauses that ask for something, and those that only tell. A text that only tells asks about itself."""
    asks = {
        part: lead(part, own_verbs)[0] or is_conditional(part) or (part.endswith("?") and words(part))
        for part in parts
    }
    asked = [part for part in parts if asks[part]]
    return (asked, [part for part in parts if part not in asked]) if asked else (list(parts), [])


def _choose(
    text: str, before: str, plan: Plan, offers: tuple[Offer, ...], own_verbs: frozenset[str]
) -> Offer | None:
    verb, rest = lead(text, own_verbs)
    at = Situation(text, rest, before, plan.story, plan.things, ())
    families = VERBS.get(verb, ()) if verb else QUESTION if text.endswith("?") else (LOOK,)
    points = [(_points(offer, verb, families, at), offer) for offer in offers]
    best, offer = max(points, key=lambda pair: pair[0], default=(0.0, None))
    if offer is None or best < _ENOUGH:
        return None
    asks = verb or text.endswith("?")
    return None if is_conditional(text) and (offer.changes or not asks) else offer


def _points(offer: Offer, verb: str, families: tuple[str, ...], at: Situation) -> float:
    """The verb gives up to 4 (and 1 more where the tool is named by it), each thing that both speak of 2 or less,
    each value in the text that the tool takes up to 3; a required argument that is nowhere in sight costs up to 4,
    and an id that the tool has no place for 4 (2, where it
    can be looked up first). Plain arithmetic is always the calculator's."""
    if offer.family == CALCULATE and _is_sum(at):
        return 20
    if not offer.family and verb == offer.verb:
        fit = 4
    elif offer.family in families:
        fit = 4 - families.index(offer.family)
    else:
        return 0
    shared = stems(at.text)
    topic = 2.0 * len(offer.nouns & shared) + min(1.5, 0.5 * len(offer.about & shared))
    filled = fill(offer, at).arguments
    to_come = [one for one in offer.required if one.name not in filled and _may_come(one, offer, at)]
    topic += sum(_weight(one) for one in offer.parameters if one.name in filled or one in to_come)
    if not topic and not any(one.kind in ("query", "expression") for one in offer.required):
        return 0
    missing = len([one for one in offer.required if one.name not in filled and one not in to_come])
    lost = 4 * missing / len(offer.required) if missing else 0
    return (
        fit + (verb == offer.verb) + topic - lost - (2 if offer.changes else 4) * bool(loose_ids(offer, at))
    )


def _weight(parameter: Parameter) -> float:
    if parameter.kind == "id":
        return 3 if parameter.required else 1
    if parameter.kind == "query":
        return 1.5 if parameter.required else 0
    return {"choice": 2, "path": 2, "expression": 2, "minor": 2, "status": 1}.get(parameter.kind, 0)


def _may_come(parameter: Parameter, offer: Offer, at: Situation) -> bool:
    """Whether earlier results may still give it."""
    if parameter.kind == "body":
        return offer.family == WRITE
    if parameter.kind == "expression":
        return bool(tokens(at.text, "percent"))
    named = parameter.noun or parameter.kind == "minor" or stems(at.rest) & at.things
    return parameter.kind in ("id", "minor") and bool(named) and refers_back(at.text)


def _is_sum(at: Situation) -> bool:
    """Whether it is hardly more than arithmetic, or a share of something that the text points at."""
    if expression(at) and len(words(blank(spoken(at.rest)))) <= 1:
        return True
    share = re.search(r"(?:%|percent) (?:of|off|on)\b", at.rest) is not None
    return share and (bool(tokens(at.text, "id")) or refers_back(at.text))


def _more_of_the_same(step: Step, plan: Plan) -> list[Step]:
    """A step for each further id of a clause that looks up several."""
    if step.offer is None or step.offer.family != LOOK:
        return []
    more = [f"look up {identifier}" for identifier in loose_ids(step.offer, plan.situation(step))]
    return [Step(text, lead(text)[1], "", step.offer) for text in more]


def _needed_first(step: Step, earlier: list[Step], plan: Plan, offers: tuple[Offer, ...]) -> list[Step]:
    """What must be looked up before a step that lacks something: the ids that it speaks of and cannot take
    itself, or, to write about something nobody has looked up, a search for it."""
    if step.offer is None or step.follows is not None:
        return []
    at = plan.situation(step)
    lacking = fill(step.offer, at).missing
    bodies = tuple(one.name for one in step.offer.required if one.kind == "body")
    if not lacking:
        return []
    ids = loose_ids(step.offer, at)
    if not ids and refers_back(step.text):
        ids = tuple(token.text for token in tokens(plan.story, "id"))[:1]
    known = {value for one in earlier for value in _filled(one, plan)}
    wanted = [f"look up {identifier}" for identifier in ids if identifier not in known]
    if not earlier and not wanted and bodies == lacking and words(blank(step.rest)):
        wanted = [f"search {' '.join(words(blank(step.rest)))}"]
    found = ((text, _choose(text, "", plan, offers, frozenset())) for text in wanted)
    return [Step(text, lead(text)[1], "", offer) for text, offer in found if offer and not offer.changes]


def _filled(step: Step, plan: Plan) -> tuple[str, ...]:
    arguments = fill(step.offer, plan.situation(step)).arguments if step.offer else {}
    return tuple(value for value in arguments.values() if isinstance(value, str))


def _fetcher(search: Offer, offers: tuple[Offer, ...]) -> Offer | None:
    """The tool of the same server that gets one hit of a document search whole."""
    if search.family != KNOW:
        return None
    for offer in offers:
        takes_an_id = [one.kind for one in offer.required] == ["id"] and not offer.required[0].noun
        if offer.server == search.server and offer.family in (LOOK, READ, FIND) and takes_an_id:
            return offer
    return None
