"""The `toolward` command. Commands are loaded when they are called, so that `--help` answers at once; their help
texts stand here for the same reason."""

import sys
from importlib.metadata import version
from typing import NamedTuple

from cyclopts import App, CycloptsError

from gateway.cli.output import EXIT_INTERRUPTED, EXIT_USAGE, exit_code, print_error
from toolward.errors import ToolwardError

EXAMPLES = """Examples:
  toolward demo                          the main job, shown step by step
  toolward ask "Where is ORD-1003?"      one question to the support agent
  toolward up                            start the gateway and its servers"""

EXIT_CODES = """Exit codes: 0 ok, 1 failed, 2 usage, 3 denied, 4 sign-in needed, 5 waiting for a person,
130 interrupted."""


class _Command(NamedTuple):
    name: str
    where: str
    help: str


_ALONE = (
    _Command(
        "demo",
        "gateway.cli.demo:demo",
        "Run the main job once: one question, every decision shown.\n\n"
        "Four tool servers are started, and the support agent looks up an order, reads the returns policy, works\n"
        "out a credit and saves a summary. It works in a folder of its own; nothing of yours is touched.\n\n"
        "Example: toolward demo",
    ),
    _Command(
        "up",
        "gateway.cli.up:up",
        "Start the gateway and the configured tool servers; Ctrl-C stops all.\n\nExample: toolward up",
    ),
    _Command(
        "ask",
        "gateway.cli.ask:ask",
        "Ask an agent, and watch it work.\n\n"
        "What it does goes to standard error, the answer to standard output; --json prints every event as a line.\n"
        "Where policy asks for a person, you are asked here; without a terminal the exit code is then 5.\n\n"
        'Example: toolward ask "Where is my order ORD-1003?"',
    ),
    _Command(
        "mcp",
        "gateway.cli.mcp:mcp",
        "Serve the gateway over MCP on stdio, for a desktop client.\n\n"
        "It uses the gateway that runs on this computer, or starts the configured servers itself.\n\n"
        'Example, in the client\'s file: {"command": "toolward", "args": ["mcp"]}',
    ),
)
_GROUPS: dict[tuple[str, str], tuple[_Command, ...]] = {
    ("tool", "Tools that you may use."): (
        _Command(
            "list",
            "gateway.cli.tool:list_tools",
            "List the tools that you may call.\n\nExample: toolward tool list --json",
        ),
        _Command(
            "show",
            "gateway.cli.tool:show",
            "Show one tool with its schemas.\n\nExample: toolward tool show crm.get_record",
        ),
        _Command(
            "call",
            "gateway.cli.tool:call",
            "Call a tool, through policy.\n\n"
            """Example: toolward tool call calculator.calculate '{"expression": "2+2"}'""",
        ),
        _Command(
            "review",
            "gateway.cli.tool_review:review",
            "Show what differs from tools.lock: tools that changed or came since they were pinned are withheld.\n\n"
            "At a terminal you are asked whether to accept; --accept DIGEST accepts what was shown before.\n"
            "The exit code is 1 while something waits, or a server does not answer.\n\n"
            "Example: toolward tool review crm.refund_payment",
        ),
    ),
    ("policy", "What policy says, and why."): (
        _Command(
            "check",
            "gateway.cli.policy:check",
            "Read policies, bind them to the tools that answer, and say what is wrong, with file and line.\n\n"
            "Example: toolward policy check policies/mine.yaml",
        ),
        _Command(
            "explain",
            "gateway.cli.policy:explain",
            "Say which rule decides a call, and why the others do not.\n\n"
            """Example: toolward policy explain role:operator files.read_file '{"path": "a.txt"}'""",
        ),
    ),
    ("inbox", "What people are asked, and their answers."): (
        _Command(
            "list",
            "gateway.cli.inbox:list_requests",
            "List what waits for an answer.\n\nExample: toolward inbox list",
        ),
        _Command(
            "approve",
            "gateway.cli.inbox:approve",
            "Approve one call; the run that waits for it goes on.\n\nExample: toolward inbox approve req_1m7w…",
        ),
        _Command(
            "deny",
            "gateway.cli.inbox:deny",
            "Deny one call, with a reason that the agent sees.\n\n"
            'Example: toolward inbox deny req_1m7w… --reason "ask the customer first"',
        ),
    ),
    ("run", "Runs of agents."): (
        _Command(
            "list",
            "gateway.cli.run:list_runs",
            "List your runs, newest first.\n\nExample: toolward run list --state failed",
        ),
        _Command(
            "show",
            "gateway.cli.run:show",
            "Show one run, event by event.\n\nExample: toolward run show run_1m7w…",
        ),
    ),
}


def make_app() -> App:
    app = App(
        name="toolward",
        help="Tools for agents without giving up control.",
        help_epilogue=f"{EXAMPLES}\n\n{EXIT_CODES}",
        help_format="plaintext",
        version=version("toolward"),
        result_action="return_value",
    )
    for one in _ALONE:
        app.command(one.where, name=one.name, help=one.help, help_epilogue="")
    for (name, help_text), commands in _GROUPS.items():
        group = App(name=name, help=help_text, help_format="plaintext", help_epilogue="")
        for one in commands:
            group.command(one.where, name=one.name, help=one.help)
        app.command(group)
    return app


def main() -> None:
    """Runs the command line; exits with the codes of `EXIT_CODES`."""
    as_json = "--json" in sys.argv
    try:
        raise SystemExit(make_app()(exit_on_error=False) or 0)
    except CycloptsError:  # cyclopts has said what is wrong
        raise SystemExit(EXIT_USAGE) from None
    except ToolwardError as error:
        print_error(error, as_json=as_json)
        raise SystemExit(exit_code(error)) from None
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:  # the reader of our output has enough
        sys.stderr.close()
        raise SystemExit(0) from None
