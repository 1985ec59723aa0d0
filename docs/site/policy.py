"""What a policy may say, out of the code that reads it: keys, operations, patterns, labels. What they
mean is told in docs/policy.md, which the tests hold against the same code."""

from docs.site.markdown import code, page, table
from gateway.core.operations import OPERATIONS
from gateway.core.patterns import BUILT_IN
from gateway.core.rules_reader import _KEYS as KEYS  # pyright: ignore[reportPrivateUsage] -- the page follows the reader
from gateway.core.rules_reader import LABELS


def policy_page() -> str:
    return page(
        "Policy: keys, operations, patterns",
        "All that the reader of policies knows, in one place. What each means, with examples: "
        "[policy](../policy.md).",
        "## Keys of a rule",
        ", ".join(map(code, sorted(KEYS))),
        "## Operations",
        "What is decided and is no tool call. A rule names them under `operations`, a condition asks of "
        "their resource "
        "as `resource.NAME`. Allow and deny are their effects.",
        table(
            ("operation", "its resource has"),
            [(code(name), ", ".join(map(code, has))) for name, has in OPERATIONS.items()],
        ),
        "## Patterns of redaction",
        ", ".join(map(code, BUILT_IN)),
        "## Where a value may come from",
        ", ".join(map(code, LABELS)),
    )
