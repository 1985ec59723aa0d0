"""Every name that dashboards and queries may be built on: metrics, spans, fields of log lines."""

# --- metrics (Prometheus) --------------------------------------------------------------------------------

CALLS = "toolward_calls_total"  # door, tool, outcome: `ok`, `tool_error`, or an error's code
CALL_SECONDS = "toolward_call_seconds"  # door, tool
CALLS_IN_WORK = "toolward_calls_in_work"
REFUSED = "toolward_refused_total"  # door, code: turned away before there was a call
DOOR, TOOL, OUTCOME, CODE = "door", "tool", "outcome", "code"

# Of a gateway's runs. Tokens: `input` has those that were `cached` and `cache_written` in it, `output` those of
# `reasoning`.
TOKENS = "toolward_model_tokens_total"  # agent, endpoint, kind
COST = "toolward_model_cost_usd_total"  # agent, endpoint
UNPRICED = "toolward_model_unpriced_total"  # agent, endpoint: replies whose cost nobody knows
MODEL_CALLS = "toolward_model_calls_total"  # agent, endpoint, outcome: why it stopped, or an error's code
MODEL_SECONDS = "toolward_model_call_seconds"  # endpoint
TURN_SECONDS = "toolward_run_turn_seconds"  # agent
RUN_CALLS = "toolward_run_calls_total"  # agent, tool, outcome, as of `CALLS`
RUN_CALL_SECONDS = "toolward_run_call_seconds"  # tool
DECISIONS = "toolward_run_decisions_total"  # agent, effect
WAITED = "toolward_run_waited_seconds"  # agent: for people
RUNS = "toolward_runs_total"  # agent, state: how often one came into it
RUN_ENDS = "toolward_run_ends_total"  # agent, state, code: `ok`, or why
RUNS_IN_WORK = "toolward_runs_in_work"
AGENT, ENDPOINT, KIND, EFFECT, STATE = "agent", "endpoint", "kind", "effect", "state"

OTHER = "(other)"
"""The tool where it is none, and where there are more tools than a metric tells apart."""

# --- spans (OpenTelemetry's conventions for MCP, RPC and GenAI where they have a name; those for GenAI are still
# called "Development" there) -------------------------------------------------------------------------------

SCOPE = "toolward"
CALL_TOOL = "tools/call"  # the span's name is this and the tool's
METHOD = "mcp.method.name"
TOOL_NAME = "gen_ai.tool.name"
ERROR_TYPE = "error.type"  # `tool_error`, or an error's code
SPAN_DOOR = "toolward.door"

INVOKE_AGENT, CHAT, EXECUTE_TOOL = (
    "invoke_agent",
    "chat",
    "execute_tool",
)  # each with the name of it behind it
OPERATION = "gen_ai.operation.name"
CONVERSATION = "gen_ai.conversation.id"  # the run's
AGENT_NAME = "gen_ai.agent.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITTEN_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
CALL_ID = "gen_ai.tool.call.id"
SPAN_ENDPOINT = "toolward.model.endpoint"
SPAN_COST = "toolward.model.cost_usd"
SPAN_TURN = "toolward.run.turn"
SPAN_STATE = "toolward.run.state"
SPAN_EFFECT = "toolward.decision.effect"
SPAN_RULE = "toolward.decision.rule"

# What people, models and tools said: only where CAPTURE asks for it.
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
CALL_ARGUMENTS = "gen_ai.tool.call.arguments"
CALL_RESULT = "gen_ai.tool.call.result"

# --- metrics (OpenTelemetry's, sent with the spans) --------------------------------------------------------

TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105 -- a name
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 -- likewise
OPERATION_SECONDS = "gen_ai.client.operation.duration"

# --- log lines (JSON) --------------------------------------------------------------------------------------

TIME, LEVEL, LOGGER, MESSAGE, EXCEPTION = "time", "level", "logger", "message", "exception"
TRACE_ID, SPAN_ID = "trace_id", "span_id"
