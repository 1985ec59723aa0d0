"""The `toolward` command. Commands are loaded when they are called, so that `--help` answers at once."""

import sys
from importlib.metadata import version

from cyclopts import App, CycloptsError

from gateway.cli.output import EXIT_INTERRUPTED, EXIT_USAGE, exit_code, print_error
from toolward.errors import ToolwardError

EPILOGUE = """Examples:
  toolward demo                                 the main job, shown step by step
  toolward ask "Where is my order ORD-1003?"    one question to the support agent
  toolward up                                   start the gateway and its tool servers"""


def make_app() -> App:
    app = App(
        name="toolward",
        help="Tools for agents without giving up control.",
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        version=version("toolward"),
        result_action="return_value",
    )
    app.command("gateway.cli.demo:demo", help="Run the main job once: one question, every decision shown.")
    app.command("gateway.cli.up:up", help="Start the gateway and the configured tool servers.")
    app.command("gateway.cli.ask:ask", help="Ask an agent, and watch it work.")
    app.command("gateway.cli.mcp:mcp", help="Serve the gateway over MCP on stdio, for a desktop client.")
    tool = App(name="tool", help="Tools that you may use.", help_format="plaintext")
    tool.command("gateway.cli.tool:list_tools", name="list", help="List the tools that you may call.")
    tool.command("gateway.cli.tool:show", help="Show one tool with its schemas.")
    tool.command("gateway.cli.tool:call", help="Call a tool, through policy.")
    policy = App(name="policy", help="What policy says, and why.", help_format="plaintext")
    policy.command(
        "gateway.cli.policy:check", help="Read policies and say what is wrong, with file and line."
    )
    policy.command("gateway.cli.policy:explain", help="Say which rule decides a call, and why.")
    run = App(name="run", help="Runs of agents.", help_format="plaintext")
    run.command("gateway.cli.run:list_runs", name="list", help="List your runs, newest first.")
    run.command("gateway.cli.run:show", help="Show one run, event by event.")
    for group in (tool, policy, run):
        app.command(group)
    return app


def main() -> None:
    """Exit codes: 0 ok, 1 failed, 2 usage, 3 denied, 4 sign-in needed, 5 waiting for a person, 130 interrupted."""
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
