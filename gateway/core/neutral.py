"""Text from outside, made harmless before a model reads it: what tools answer, and what servers say of their tools.

Three things are done, and no more, so that the text stays what it is for everybody else:

- Control characters become visible (`␛`), line ends one kind or a space. Halves of surrogate pairs become `�`.
- Invisible characters go, since they say nothing to a reader and may say much to a model: zero-width and
  bidirectional ones, Unicode tags, variation selectors. From four in a row on, a note says how many there were.
  They stay where writing needs them: joiners between letters of scripts that join, and inside emoji; variation
  selectors behind an emoji or an ideograph; marks of direction beside letters that are written from right to left;
  the flags of England, Scotland and Wales.
- Marks by which chat templates tell who speaks, or that a tool is called, are broken at their first character,
  where people see it: `<|im_start|>` is `<¦im_start|>`, `[INST]` is `⟦INST]`, `<tool_call>` begins with an angle
  quotation mark, as do our own, and `Human:` at the beginning of a line is quoted.

What is believed is not decided here. The same again changes nothing. The time is linear in the length. Valid JSON
stays valid: nothing is put in that JSON has to escape.
"""

import re
from typing import Any, cast

import msgspec

from gateway.core.ports import ModelTool
from toolward.types import Json, JsonObject

_ZERO_WIDTH_NON_JOINER, _JOINER = "\u200c", "\u200d"
_MARKS = "\u061c\u200e\u200f"  # of direction
_EMOJI_STYLE = "\ufe0e\ufe0f"
_FLAG = "\U0001f3f4"
_FLAGS = frozenset(
    "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
)
_MANY = 4  # hidden characters in a row of which there is a note

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_CONTROL = re.compile("\r\n?|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINE_ENDS = "\r\x0b\x0c"
_SEPARATORS = "\x85\u2028\u2029"  # of lines, too; but in JSON they stand in strings, where no line ends

_JOINING = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0e80-\u0fff\u1000-\u109f\u1780-\u18af\ua840-\ua87f\ua8e0-\ua8ff\uaa60-\uaa7f"
    "\ufb50-\ufdff\ufe70-\ufefc\U00010ac0-\U00010aff\U00011000-\U000114df\U0001e900-\U0001e95f]"
)
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_EMOJI = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_KEYCAP = re.compile("[0-9#*]")
_IDEOGRAPH = re.compile("[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")

_OF_TEMPLATES = (
    "(?:tool_calls?|tool_responses?|tool_results?|tool_use|tools|function_calls?|function_results?|functions|invoke"
    "|start_of_turn|end_of_turn|start_function|end_function|begin_of_text|end_of_text|start_header_id|im_start|im_end"
    "|system-reminder)(?![\\w-])"
    "|(?:bos|eos|pad|unk|s|think|thinking|reasoning|scratchpad|end_turn)>"
    "|function=|parameter[ =]|antml:|extra_id_|seed:"
)
_ANGLE = re.compile(
    r"<(?:(?P<special>[|｜](?=[\w▁/.:-]{1,64}[|｜]>))"
    r"|(?P<ours><<(?=\s{0,4}/?\s{0,4}(?i:(?:end\s{1,4}of\s{1,4})?data\b)))"
    r"|(?P<system><(?=/?SYS>))"
    rf"|(?P<tag>(?=/?(?:{_OF_TEMPLATES}))))",
)
_BRACKET = re.compile(
    r"\[(?=/?(?:INST|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|AVAILABLE_TOOLS|SYSTEM_PROMPT|ARGS|CALL_ID|THINK|IMG)\])"
)
_SPEAKERS = ("Human", "Assistant", "System")
_SPEAKER = re.compile(rf"^(?=[ \t]{{0,8}}(?:{'|'.join(_SPEAKERS)})[ \t]{{0,8}}:)", re.MULTILINE)
_BROKEN = {"special": "<¦", "ours": "‹‹‹", "system": "‹‹", "tag": "‹"}
_MENDED = str.maketrans({"‹": "<", "¦": "|", "⟦": "["})

_TELLING = b"\n:<[]AHIST"
_DULL = bytes(code for code in (9, *range(32, 127)) if code not in _TELLING)
"""What can be left out of a text before anything is looked for: one quick pass, after which little is left."""

_ENDS_OF_BRACKETS = (b"ST]", b"TS]", b"AS]", b"TT]", b"I]")  # of `_BRACKET`, of which that is left
_BEGINNINGS_OF_SPEAKERS = (b"H:", b"A:", b"S:")


_CLOSED = "\n<<<end of data>>>"


def neutral(text: str) -> str:
    """See the top of this file."""
    left = _telling(text)
    if _may_hide(left):
        text = _without_hidden(text)
        left = _telling(text)
    return _with_broken_markers(text, left)


def plain(text: str) -> str:
    """For comparing: without hidden characters, and with the markers that `neutral` has broken as they were. What
    is copied out of a neutral text is found in the text that it was made of."""
    if _may_hide(_telling(text)):
        text = _without_hidden(text)
    return text if text.isascii() else text.translate(_MENDED)


def marked(text: str, source: str, trusted: bool) -> str:
    """`text`, which is neutral, in an envelope that says where it is from, and that it is data. Nothing inside can
    close it."""
    if "<<<" in text:
        text = neutral(text)
    label = "trusted" if trusted else "untrusted"
    return f"<<<data from {_name(source)} ({label})>>>\n{text}{_CLOSED}"


def unmarked(text: str) -> str:
    """What stands in the envelope, where there is one."""
    if not (text.startswith("<<<data from ") and text.endswith(_CLOSED)):
        return text
    return text.partition("\n")[2][: -len(_CLOSED)]


def neutral_tool(tool: ModelTool) -> ModelTool:
    """The tool with neutral words: its description, and every name and text in its schema. A name that was changed
    is not the one that the gate checks, so who writes it is told that there is no such argument."""
    written = msgspec.json.encode(tool).decode()
    if written.isascii() and "\\" not in written and neutral(written) is written:
        return tool
    schema = cast(JsonObject, _neutral_value(tool.input_schema))
    return ModelTool(tool.name, neutral(tool.description), schema)


def _name(source: str) -> str:
    """One line, and nothing in it that ends an envelope's first line."""
    return neutral(" ".join(source.split())).replace("<", "‹").replace(">", "›")[:200]


def _neutral_value(value: Json) -> Json:
    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, list):
        return [_neutral_value(each) for each in cast(list[Any], value)]
    if isinstance(value, dict):
        return {neutral(name): _neutral_value(each) for name, each in cast(JsonObject, value).items()}
    return value


def _telling(text: str) -> bytes:
    return text.encode(errors="surrogatepass").translate(None, _DULL)


def _may_hide(left: bytes) -> bool:
    odd = left.translate(None, _TELLING)
    if not odd:
        return False
    written = odd.decode(errors="surrogatepass")
    return bool(_CONTROL.search(written) or _INVISIBLE.search(written))


def _with_broken_markers(text: str, left: bytes) -> str:
    if b"<" in left:
        text = _ANGLE.sub(_break, text)
    if any(end in left for end in _ENDS_OF_BRACKETS):
        text = _BRACKET.sub("⟦", text)
    speaks = left.startswith(_BEGINNINGS_OF_SPEAKERS) or any(
        b"\n" + one in left for one in _BEGINNINGS_OF_SPEAKERS
    )
    if speaks and any(speaker in text for speaker in _SPEAKERS):
        text = _SPEAKER.sub("› ", text)
    return text


def _without_hidden(text: str) -> str:
    return _CONTROL.sub(_visible, _INVISIBLE.sub(_shown, text))


def _visible(match: re.Match[str]) -> str:
    character = match[0][0]
    if character in _LINE_ENDS:
        return "\n"
    if character in _SEPARATORS:
        return " "
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode has pictures of them
    return "\u2421" if code == 0x7F else "\ufffd"


def _shown(match: re.Match[str]) -> str:
    """What is left of a run of invisible characters."""
    run, text = match[0], match.string
    before = text[match.start() - 1] if match.start() else ""
    after = text[match.end()] if match.end() < len(text) else ""
    if _is_needed(run, before, after):
        return run
    return f"[{len(run)} hidden characters]" if len(run) >= _MANY else ""


def _is_needed(run: str, before: str, after: str) -> bool:
    if not before:
        return run in _MARKS and bool(_RIGHT_TO_LEFT.match(after))
    if _EMOJI.match(before):
        joins = run[-1] == _JOINER and bool(_EMOJI.match(after))
        return (
            run in _EMOJI_STYLE
            or (joins and run[:-1] in ("", *_EMOJI_STYLE))
            or (before == _FLAG and run in _FLAGS)
        )
    if len(run) > 1:
        return False
    if run in (_JOINER, _ZERO_WIDTH_NON_JOINER):
        return bool(_JOINING.match(before)) and (run == _JOINER or bool(_JOINING.match(after)))
    if run in _MARKS:
        return bool(_RIGHT_TO_LEFT.match(before) or _RIGHT_TO_LEFT.match(after))
    if run in _EMOJI_STYLE and after == "\u20e3":
        return bool(_KEYCAP.match(before))
    if "\u180b" <= run <= "\u180f":
        return "\u1800" <= before <= "\u18af"  # Mongolian
    ideographic = "\ufe00" <= run <= "\ufe02" or "\U000e0100" <= run <= "\U000e01ef"
    return ideographic and bool(_IDEOGRAPH.match(before))


def _break(match: re.Match[str]) -> str:
    return _BROKEN[match.lastgroup or "tag"]
