"""What the model is told of a person's answer, where that itself settles the call."""

from gateway.agent.conversation import Call
from gateway.agent.events import InputAnswered
from gateway.agent.observations import Observation, cut
from gateway.core.questions import DID_NOT_HAPPEN, HAPPENED
from toolward.types import RequestKind

_ASKED = (RequestKind.QUESTION, RequestKind.ESCALATION)


def people_said(call: Call) -> Observation | None:
    """What the answers to a call that waited settle by themselves; None when it is to be made."""
    settled = (told(answer, call.tool, call.kind) for answer in call.answers)
    return next((observation for observation in settled if observation is not None), None)


def told(answer: InputAnswered, tool: str, kind: RequestKind | None = None) -> Observation | None:
    """`kind` is of the request. None when the call is to be made."""
    if kind is RequestKind.UNKNOWN_OUTCOME:
        return _of_unknown_outcome(answer, tool)
    if answer.approve or answer.again:
        return None
    if answer.approve is None and (answer.text or answer.choice):
        return Observation("ok", is_error=False, text=cut(_said(answer)), trust="trusted")
    if kind in _ASKED:
        return _unanswered(answer)
    if answer.void:
        text = f"This call of {tool} was not made, because nobody is asked about it any more: {cut(answer.void)}."
    elif answer.expired:
        text = f"Nobody approved this call of {tool} in time, so it was not made."
    else:
        reason = (answer.reason or answer.text or "no reason given").rstrip(".")
        text = f"A person did not approve this call of {tool}, so it was not made: {cut(reason)}."
    text += " Do not make the same call again; look for another way, or tell the user."
    return Observation("denied", is_error=True, text=text, trust="trusted")


def _said(answer: InputAnswered) -> str:
    """What was chosen, what was said with it, and that the case was in somebody's hands."""
    said = ": ".join(filter(None, (answer.choice, (answer.text or "").strip())))
    if not answer.handed_back:
        return said
    who = answer.by or "a person"
    return f"[{who} took the case over and has handed it back; earlier results may not show what they did.]\n{said}"


def _unanswered(answer: InputAnswered) -> Observation:
    why = f"nobody is asked any more ({cut(answer.void)})" if answer.void else "nobody answered in time"
    text = f"There is no answer: {why}. Go on without it if you can, or say what is missing."
    return Observation("not_answered", is_error=True, text=text, trust="trusted")


def _of_unknown_outcome(answer: InputAnswered, tool: str) -> Observation | None:
    if answer.choice == DID_NOT_HAPPEN:
        return None
    if answer.choice != HAPPENED:
        return outcome_unknown(tool)
    found = f" They say: {cut(answer.text)}" if answer.text else ""
    text = f"A person looked: this call of {tool} did take effect. What it answered is lost.{found}"
    return Observation("happened", is_error=False, text=text, trust="trusted")


def outcome_unknown(tool: str) -> Observation:
    """Of a call that may not be repeated, when no person says what became of it."""
    return Observation(
        "outcome_unknown",
        is_error=True,
        text=(
            f"It is not known whether this call of {tool} took effect: the gateway stopped while it was under way,"
            " and repeating it might do the thing twice. Look first whether it happened; if you cannot find out,"
            " tell the user. Do not simply call again."
        ),
        trust="trusted",
    )
