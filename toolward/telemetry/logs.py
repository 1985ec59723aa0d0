"""The process's own log, on stderr: lines for people, or JSON objects for machines."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

from toolward.telemetry import names

FORMS = ("text", "json")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One object a line. What a call gives as `extra` comes beside the names that are always there."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            names.TIME: datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            names.LEVEL: record.levelname.lower(),
            names.LOGGER: record.name,
            names.MESSAGE: record.getMessage(),
        }
        line |= _trace()
        line |= {
            key: value for key, value in vars(record).items() if key not in _STANDARD and key not in line
        }
        if record.exc_info:
            line[names.EXCEPTION] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def log_to_stderr(form: str = "text", level: str = "warning") -> None:
    """Whatever is logged from now on, at `level` or above, as `text` or as `json`."""
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setFormatter(
        JsonLines() if form == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(handlers=[stderr], level=level.upper())


def _trace() -> dict[str, str]:
    """The span in which it was logged, where there are spans."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return {}
    found = api.get_current_span().get_span_context()
    if not found.is_valid:
        return {}
    return {names.TRACE_ID: f"{found.trace_id:032x}", names.SPAN_ID: f"{found.span_id:016x}"}
