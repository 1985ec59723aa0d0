"""What a model endpoint's failures mean, said with its name and what to do. Whatever is quoted from an endpoint
is shortened and cleared of our secrets first; of a refused key nothing is quoted at all."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import msgspec

from gateway.core.ports import ContextExceeded
from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    InvalidRequest,
    InvalidResult,
    Overloaded,
    TooLarge,
    ToolwardError,
    Unauthenticated,
    Unavailable,
)
from toolward.outbound.connection import Interrupted

_QUOTED = 300  # characters of an endpoint's own words
_MAX_WAIT = 86_400.0  # seconds; a longer Retry-After is a mistake

_STATUS = re.compile(r"\b[45]\d\d\b")
_STATUSES = {
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "overloaded_error": 529,
    "slow_down": 529,
    "timeout_error": 504,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "bio_policy": 400,
    "misalignment_policy_violation": 400,
    "data_residency_mismatch": 400,
}
"""What the codes of failures inside a reply of status 200 mean; of others it is 500."""

_MAY_BE_TOO_LONG = frozenset({400, 413, 422, 500})
_LONG_CODES = re.compile(r"context_length_exceeded|exceed_context_size|context_window_exceeded")
_LONG_WORDS = re.compile(
    r"context_length_exceeded|maximum (context|prompt|model) length|prompt is too long|exceed context limit"
    r"|exceeds? the (available |model's )?(context (size|window)|maximum number of tokens)|context window"
    r"|input is too long|input token count|too large for model with|must be <= \d+|context length of only"
    r"|reduce the length of the (messages|input|prompt)|too many (input )?tokens",
    re.IGNORECASE,
)


class Endpoint:
    """Names one endpoint in errors, and makes them."""

    def __init__(
        self, name: str, base_url: str, model: str, *, path: str, key_setting: str, secrets: Iterable[str]
    ) -> None:
        """`path` is the wire's."""
        self._path = path
        self.name = name
        self.base_url = base_url
        self.model = model
        self._key_setting = key_setting
        # Longest first, so that no rest of a longer one stays behind.
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def __str__(self) -> str:
        return f"The model endpoint {self.name!r} at {self.base_url}"

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> ToolwardError:
        """The error for a reply whose status is not 2xx; `headers` with lower-case names."""
        return self._refused(status, headers, *_words_in(body))

    def _refused(self, status: int, headers: Mapping[str, str], codes: str, words: str) -> ToolwardError:
        said = self._quote(words)
        if status in (401, 403):
            return self._unauthenticated(status)
        if _is_too_long(status, codes, words):
            return ContextExceeded(
                f"{self} says that the conversation is longer than {self.model!r} takes (HTTP {status}){said}",
                hint="Set the endpoint's context size, so that conversations are shortened in time, or take a model"
                " with a larger one.",
            )
        if status == 404:
            return ConfigurationError(
                f"{self} does not know the model {self.model!r}, or that is not its address (HTTP 404){said}",
                hint="Check the model's name, and that the base URL ends as the endpoint's documents say "
                "(often in /v1).",
            )
        if status in (429, 529):
            return Overloaded(
                f"{self} takes no more requests for now (HTTP {status}){said}",
                hint="Wait, or raise the limits of the account.",
                retry_after=retry_after(headers),
            )
        if 300 <= status < 400:
            return InvalidResult(
                f"{self} answers with a redirect (HTTP {status}), and redirects are not followed.",
                hint="Set its final address as the base URL.",
            )
        if status == 413:
            return TooLarge(f"{self} says that the request is too large (HTTP 413){said}")
        if status >= 500 or status in (402, 408, 409, 425):
            return Unavailable(f"{self} failed (HTTP {status}){said}", retry_after=retry_after(headers))
        return InvalidRequest(
            f"{self} refused the request (HTTP {status}){said}",
            hint=f"Check that the model {self.model!r} takes tools and a conversation of this length.",
        )

    def reported(self, error: object) -> ToolwardError:
        """The error for a failure that came inside a reply of status 200."""
        codes, words = _words_of(error)
        if (number := _STATUS.search(codes)) is not None:
            status = int(number[0])
        else:
            status = next((_STATUSES[code] for code in codes.split() if code in _STATUSES), 500)
        return self._refused(status, {}, codes, words)

    def malformed(self, why: str) -> InvalidResult:
        return InvalidResult(
            f"{self} sent a reply that cannot be read: {self.clear(why)}.",
            hint=f"Check that its wire is the right one (it was asked at {self._path}), and that the base URL is "
            "right (often it ends in /v1).",
        )

    def unreachable(self, why: str) -> Unavailable:
        why = self.clear(why).rstrip(".")
        return Unavailable(
            f"{self} cannot be reached: {why[:1].lower()}{why[1:]}.",
            hint="Start it, or correct its base URL.",
        )

    def broke(self, error: ToolwardError) -> ToolwardError:
        """The error for an exchange that did not come to its end."""
        match error:
            case Interrupted():
                return self.interrupted()
            case Unavailable():
                return self.unreachable(error.message)
            case InvalidResult() if not error.message.startswith(str(self)):
                return self.malformed(error.message.rstrip("."))
            case Overloaded():
                return Overloaded(
                    f"Too many requests wait for a connection to {self.name!r}.",
                    retry_after=error.retry_after,
                )
            case _:
                return error

    def interrupted(self) -> Unavailable:
        return Unavailable(f"{self} closed the connection before its reply was whole.", hint="Try again.")

    def too_late(self, seconds: float) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"{self} did not finish within {seconds:g} s.", hint="Allow it more time, or take a faster model."
        )

    def clear(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text

    def _unauthenticated(self, status: int) -> Unauthenticated:
        why = "does not accept the API key" if status == 401 else "does not let this API key do that"
        return Unauthenticated(f"{self} {why} (HTTP {status}).", hint=f"Set {self._key_setting}.")

    def _quote(self, words: str) -> str:
        """`: its own words.`, or a full stop. Cleared before it is cut, so that no part of a secret is left."""
        words = " ".join(self.clear(words).split())
        if not words:
            return "."
        short = words if len(words) <= _QUOTED else f"{words[:_QUOTED]}…"
        return f": {short}" if short[-1] in ".!?…" else f": {short}."


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from Retry-After: a number, or a date, which is measured against the reply's own Date. OpenAI says
    it finer in a header of its own."""
    given, finer = headers.get("retry-after", "").strip(), headers.get("retry-after-ms", "").strip()
    try:
        seconds = float(finer) / 1000 if finer else float(given)
    except ValueError:
        then, now = _date(given), _date(headers.get("date", ""))
        if then is None or now is None:
            return None
        seconds = (then - now).total_seconds()
    return min(max(seconds, 0.0), _MAX_WAIT) if seconds == seconds else None  # noqa: PLR0124 -- not for NaN


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _words_in(body: bytes) -> tuple[str, str]:
    """The codes and the message of `{"error": {"code": …, "type": …, "message": …}}` and its usual variants; the
    text itself where it is no JSON."""
    try:
        found: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        return "", "" if text.startswith("<") else text  # a page of HTML says nothing to anybody here
    if isinstance(found, list) and len(cast(list[Any], found)) == 1:  # Gemini's
        found = cast(list[Any], found)[0]
    return _words_of(found)


def _words_of(found: Any) -> tuple[str, str]:
    """Its codes with spaces between, lower-case, and its message."""
    codes: list[str] = []
    for key in ("error", "message", "detail"):
        codes += _codes(found)
        if isinstance(found, dict) and key in found:
            found = cast(dict[str, Any], found)[key]
    words = found if isinstance(found, str) else msgspec.json.encode(found).decode()
    return " ".join(dict.fromkeys(codes)).lower(), words


def _codes(found: Any) -> list[str]:
    if not isinstance(found, dict):
        return []
    given = cast(dict[str, Any], found)
    return [str(given[name]) for name in ("code", "type", "status") if given.get(name)]


def _is_too_long(status: int, codes: str, words: str) -> bool:
    """There is no one code for it; these are the words of OpenAI, Anthropic, Gemini, Mistral, xAI, vLLM, llama.cpp,
    TGI and LM Studio."""
    return status in _MAY_BE_TOO_LONG and bool(_LONG_CODES.search(codes) or _LONG_WORDS.search(words))
