"""Every name that dashboards and queries may be built on: metrics, spans, fields of log lines."""

# --- metrics (Prometheus) --------------------------------------------------------------------------------

CALLS = "toolward_calls_total"  # door, tool, outcome: `ok`, `tool_error`, or an error's code
CALL_SECONDS = "toolward_call_seconds"  # door, tool
CALLS_IN_WORK = "toolward_calls_in_work"
REFUSED = "toolward_refused_total"  # door, code: turned away before there was a call
DOOR, TOOL, OUTCOME, CODE = "door", "tool", "outcome", "code"

OTHER = "(other)"
"""The tool where it is none, and where there are more tools than a metric tells apart."""

# --- spans (OpenTelemetry's conventions for MCP and RPC where they have a name) ---------------------------

SCOPE = "toolward"
CALL_TOOL = "tools/call"  # the span's name is this and the tool's
METHOD = "mcp.method.name"
TOOL_NAME = "gen_ai.tool.name"
ERROR_TYPE = "error.type"  # `tool_error`, or an error's code
SPAN_DOOR = "toolward.door"

# --- log lines (JSON) --------------------------------------------------------------------------------------

TIME, LEVEL, LOGGER, MESSAGE, EXCEPTION = "time", "level", "logger", "message", "exception"
TRACE_ID, SPAN_ID = "trace_id", "span_id"
