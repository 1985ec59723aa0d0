"""*Allow like this*, tried out before it is shown: the text of a file with a rule for one call, and what keeps that
from being allowed where something does."""

from collections.abc import Callable
from typing import NamedTuple

from gateway.core.arguments import declared_arguments
from gateway.core.callers import NOBODY
from gateway.core.catalog import Catalog
from gateway.core.operations import OPERATIONS
from gateway.core.policy import BoundPolicy
from gateway.oversight.policies.allowing import MAX_BYTES, Like, can_be_written, rule_like, with_rule, without
from gateway.oversight.policies.files import PolicyFile
from gateway.oversight.policies.trying import flaw_in_text
from gateway.oversight.policies.why import Verdict, Why
from toolward.errors import ConfigurationError, InvalidRequest
from toolward.schema import parse_object

Bound = Callable[[str, str], BoundPolicy]
"""Binds all files with another text in the place of the named one's. Raises ConfigurationError."""

Again = Callable[[BoundPolicy], Verdict | None]

_NARROWED = 5  # rules that ask, of which the call is left out


class Filled(NamedTuple):
    """`rule` as it was added, for people; `narrowed` are the rules that leave the call out now, `missing` says what
    still keeps it from being allowed, or why the rule is not in the text."""

    text: str
    rule: str
    narrowed: tuple[str, ...] = ()
    missing: str = ""


def fill(why: Why, file: PolicyFile, bound: Bound, catalog: Catalog, again: Again) -> Filled:
    """`again` answers the same question by another policy. Raises InvalidRequest where no rule can be made of the
    call."""
    like = _like(why, catalog)
    if flaw := flaw_in_text(file.text):
        raise InvalidRequest(f"{file.name} cannot be changed here. {flaw}", hint="Change it in an editor.")
    now = bound(file.name, file.text)
    rule = rule_like(like, {one.id for one in now.policy.rules}, _described(why))
    if why.verdict is not None and why.verdict.decision.effect == "allow":
        return Filled(file.text, rule, missing="It is allowed already, so nothing was put into the text.")
    text = with_rule(file.text, rule, now.policy, file.name)
    if text is None:
        missing = "The list of rules is not written line by line here, so put the rule in by hand."
        return Filled(file.text, rule, missing=missing)
    try:
        trial = bound(file.name, text)
    except ConfigurationError as error:
        return Filled(file.text, rule, missing=f"It does not fit into this file: {error.message}")
    return _narrowed(Filled(text, rule), like, _Steps(file, bound, again), trial)


class _Steps(NamedTuple):
    file: PolicyFile
    bound: Bound
    again: Again

    def standing(self, policy: BoundPolicy) -> Verdict | None:
        """What keeps the call from being allowed; None where nothing does, or that cannot be known."""
        found = self.again(policy)
        return None if found is None or found.decision.effect == "allow" else found

    def as_sound(self, text: str, before: BoundPolicy) -> BoundPolicy | None:
        """Bound with this text; None where that has more problems than before."""
        try:
            found = self.bound(self.file.name, text)
        except ConfigurationError:
            return None
        return found if len(found.problems) <= len(before.problems) else None


def _narrowed(found: Filled, like: Like, steps: _Steps, trial: BoundPolicy) -> Filled:
    """With the rules that ask leaving the call out, as far as that can be written."""
    for _ in range(_NARROWED):
        standing = steps.standing(trial)
        if standing is None:
            return found
        rule = trial.rule(standing.decision)
        if rule is None or rule.effect != "ask" or rule.file != steps.file.name:
            break
        text = without(found.text, rule, like)
        narrower = None if text is None else steps.as_sound(text, trial)
        if text is None or narrower is None:
            break
        found, trial = found._replace(text=text, narrowed=(*found.narrowed, rule.id)), narrower
    standing = steps.standing(trial)
    return found if standing is None else found._replace(missing=_said(standing))


def _said(standing: Verdict) -> str:
    beats = {"deny": "deny beats allow", "ask": "ask beats allow"}[standing.decision.effect]
    told = f"With this rule it is still not allowed. {standing.sentence}"
    return f"{told} ({beats}; that rule has to leave the call out.)" if standing.number else told


def _described(why: Why) -> str:
    return f"Like the call {why.call.id}." if why.call is not None else ""


def _like(why: Why, catalog: Catalog) -> Like:
    question = why.question
    if question.name in OPERATIONS and catalog.find(question.name) is None:
        raise InvalidRequest(
            f"{question.name} is no tool, and a rule for one is not made here.",
            hint=f"Write a rule with `operations: [{question.name}]`.",
        )
    tool = catalog.find(question.name)
    declared = () if tool is None else tuple(declared_arguments(tool.tool.input_schema))
    arguments = None
    if why.call is not None and why.call.arguments_json is None:
        raise InvalidRequest("No rule can be made of the call: its arguments were erased.")
    if question.arguments_json:
        if len(question.arguments_json) > MAX_BYTES:
            raise InvalidRequest(
                f"The call's arguments have {len(question.arguments_json):,} bytes: too many for a rule.",
                hint="Write a rule by hand that says what is in common.",
            )
        arguments = parse_object(question.arguments_json, f"arguments of {question.name}")
    name = question.name if tool is None else tool.name
    if question.principal.id == NOBODY:
        raise InvalidRequest(
            "A rule like this is for just one caller, and what was asked about names no user.",
            hint="Write one over roles, or ask about a user: user:ada,role:support.",
        )
    like = Like(question.principal, name, arguments, question.agent, declared)
    if not can_be_written(like):
        raise InvalidRequest(
            f"No rule can name {question.principal.id} or {name}: there are characters of patterns in it.",
            hint="Write a rule over roles.",
        )
    return like
