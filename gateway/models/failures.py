"""What a model endpoint's failures mean, said with its name and what to do. Whatever is quoted from an endpoint
is shortened and cleared of our secrets first; of a refused key nothing is quoted at all."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import msgspec

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

_QUOTED = 300  # characters of an endpoint's own words
_MAX_WAIT = 86_400.0  # seconds; a longer Retry-After is a mistake


class Endpoint:
    """Names one endpoint in errors, and makes them."""

    def __init__(
        self, name: str, base_url: str, model: str, *, key_setting: str, secrets: Iterable[str]
    ) -> None:
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
        said = self._quote(body)
        if status in (401, 403):
            return self._unauthenticated(status)
        if status == 404:
            return ConfigurationError(
                f"{self} does not know the model {self.model!r}, or that is not its address (HTTP 404){said}",
                hint="Check the model's name, and that the base URL ends as the endpoint's documents say "
                "(often in /v1).",
            )
        if status == 429:
            return Overloaded(
                f"{self} takes no more requests for now (HTTP 429){said}",
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
        found = cast(dict[str, Any], error) if isinstance(error, dict) else {"message": str(error)}
        code = found.get("code")
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        return self.refused(status, {}, msgspec.json.encode({"error": found}))

    def malformed(self, why: str) -> InvalidResult:
        return InvalidResult(
            f"{self} sent a reply that cannot be read: {self.clear(why)}.",
            hint="Check that it speaks OpenAI chat completions, and that the base URL is right "
            "(often it ends in /v1).",
        )

    def unreachable(self, why: str) -> Unavailable:
        why = self.clear(why).rstrip(".")
        return Unavailable(
            f"{self} cannot be reached: {why[:1].lower()}{why[1:]}.",
            hint="Start it, or correct its base URL.",
        )

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

    def _quote(self, body: bytes) -> str:
        """`: its own words.`, or a full stop. Cleared before it is cut, so that no part of a secret is left."""
        words = " ".join(self.clear(_message_in(body)).split())
        if not words:
            return "."
        short = words if len(words) <= _QUOTED else f"{words[:_QUOTED]}…"
        return f": {short}" if short[-1] in ".!?…" else f": {short}."


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from Retry-After: a number, or a date, which is measured against the reply's own Date."""
    given = headers.get("retry-after", "").strip()
    try:
        seconds = float(given)
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


def _message_in(body: bytes) -> str:
    """The message of `{"error": {"message": …}}`, of its usual variants, or the text itself."""
    try:
        found: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        return "" if text.startswith("<") else text  # a page of HTML says nothing to anybody here
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and key in found:
            found = cast(dict[str, Any], found)[key]
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()
