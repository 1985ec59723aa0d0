"""The `toolward` command. Commands are loaded when they are called, so that `--help` answers at once."""

import os
import sys
from importlib.metadata import version

from cyclopts import App, CycloptsError

from gateway.cli.commands import ALONE, GROUPS
from gateway.cli.output import EXIT_INTERRUPTED, EXIT_USAGE, exit_code, print_error
from toolward.errors import ToolwardError

EXAMPLES = """Examples:
  toolward demo                          the main job, shown step by step
  toolward ask "Where is ORD-1003?"      one question to the support agent
  toolward up                            start the gateway and its servers"""

EXIT_CODES = """Exit codes: 0 ok, 1 failed, 2 usage, 3 denied, 4 sign-in needed, 5 waiting for a person,
130 interrupted."""


def make_app() -> App:
    app = App(
        name="toolward",
        help="Tools for agents without giving up control.",
        help_epilogue=f"{EXAMPLES}\n\n{EXIT_CODES}",
        help_format="plaintext",
        version=version("toolward"),
        result_action="return_value",
    )
    for one in ALONE:
        app.command(one.where, name=one.name, help=one.help, help_epilogue="")
    for (name, help_text), commands in GROUPS.items():
        group = App(name=name, help=help_text, help_format="plaintext", help_epilogue="")
        for one in commands:
            group.command(one.where, name=one.name, help=one.help)
        app.command(group)
    return app


def main() -> None:
    """Runs the command line; exits with the codes of `EXIT_CODES`."""
    as_json = "--json" in sys.argv
    # uvloop starts processes by forking, with nothing of ours before the other program: gRPC has nothing to prepare
    # for that, nor to say of it. It reads this when it is loaded.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
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
