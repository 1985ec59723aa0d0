"""The catalogue of errors, out of the error tree and its table of codes."""

import inspect

import toolward.errors
from docs.site.markdown import code, fenced, page, table
from toolward.errors import BY_CODE
from toolward.wire.errors import CODES

# gRPC's own names of its status numbers: https://grpc.io/docs/guides/status-codes/
GRPC = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip


# Long because it is one page.
def errors_page() -> str:
    tree, _, more = inspect.cleandoc(toolward.errors.__doc__ or "").partition("\n\nA failure")
    rows = [
        (
            code(name),
            code(kind.__name__),
            f"{at.http}",
            f"{at.grpc} {GRPC[at.grpc]}",
            f"{at.jsonrpc}",
            _seen(kind),
        )
        for name, kind in BY_CODE.items()
        for at in (CODES[name],)
    ]
    return page(
        "Error catalogue",
        "One tree of errors, with a code each that does not change, and one table of what it is at each "
        "door. Every "
        "error says what was wrong and, where there is something to do, what; none holds a secret or a "
        "stack trace.",
        fenced("text", inspect.cleandoc(tree.partition("\n\n")[2])),
        "A failure" + more,
        "## At each door",
        table(("code", "in Python", "HTTP", "gRPC", "JSON-RPC", "a model sees it"), rows),
        "## What an error carries",
        "Over HTTP a problem of RFC 9457 (`application/problem+json`), over gRPC `google.rpc.ErrorInfo` "
        "with the domain "
        "`toolward` and the code as its reason, over MCP a JSON-RPC error with these as its `data`; "
        "where a model can "
        "act on it, an MCP result with `isError` that has them in its `_meta` under `toolward/error`.",
        table(
            ("member", "what it is"),
            [
                (code("code"), "the code above"),
                (code("hint"), "what to do about it"),
                (
                    code("violations"),
                    "each place where a value breaks its schema: a pointer (RFC 6901) and what is wrong",
                ),
                (code("rule"), "the policy rule that decided"),
                (code("request_id"), "the input request that waits for a person"),
                (code("retry_after"), "seconds after which it may go better"),
            ],
        ),
        "The command line ends with 3 where a call is denied, 4 where who calls is not proven, 5 where "
        "a person must "
        'answer, 2 where it was called wrongly, and 1 for all else; with `--json` it writes `{"error": {"code", '
        '"message", "hint"}}` to standard error.',
    )


def _seen(kind: type[toolward.errors.ToolwardError]) -> str:
    return "yes" if kind.for_model else "no"
