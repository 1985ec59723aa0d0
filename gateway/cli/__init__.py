"""The `toolward` command. Nothing is loaded before it is needed: a help page is read from a file, the module of a
command when that is called."""

import os
import sys
from typing import TYPE_CHECKING

from gateway.cli.pages import asked, show

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError

EXIT_USAGE, EXIT_INTERRUPTED = 2, 130


def make_app() -> "App":
    from cyclopts import App

    from gateway.cli.commands import ALONE, GROUPS

    app = App(name="toolward", help_flags=(), result_action="return_value", version=our_version)
    for commands in ALONE.values():
        for one in commands:
            app.command(one.where, name=one.name, help=one.help)
    for (name, help_text), commands in GROUPS.items():
        group = App(name=name, help=help_text, help_flags=())
        for one in commands:
            group.command(one.where, name=one.name, help=one.help)
        app.command(group)
    return app


def our_version() -> str:
    from importlib.metadata import version

    return version("toolward")


def main() -> None:
    """Runs the command line; exits with the codes that `toolward --help` names."""
    _open_what_is_closed()
    words = sys.argv[1:]
    as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
    # uvloop starts processes by forking, with nothing of ours before the other program: gRPC has nothing to prepare
    # for that, nor to say of it. It reads this when it is loaded.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    try:
        code = _carry_out(words, as_json=as_json)
        sys.stdout.flush()
        raise SystemExit(code)
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:  # the reader of our output has enough
        sys.stderr.close()
        raise SystemExit(0) from None
    except OSError as error:  # the disk that our output goes to
        print(f"toolward: {error.strerror or error}.\n  Look at where the output goes.", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python, at its end, fails once more
        raise SystemExit(1) from None


def _open_what_is_closed() -> None:
    """Or the next file or socket has the number of a standard stream, and what is printed fails."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 -- while we run


def _carry_out(words: list[str], *, as_json: bool) -> int:
    if words[:1] == ["__complete"]:
        from gateway.cli.completing import possibilities

        for line in possibilities(words[1:]):
            print(line)
        return 0
    if (page := asked(words)) is not None:
        show(page, as_json=as_json)
        return 0
    return _run(words, as_json=as_json)


def _run(words: list[str], *, as_json: bool) -> int:
    from cyclopts import CycloptsError

    from gateway.cli.output import exit_code, print_error
    from toolward.errors import ConfigurationError, InvalidRequest, ToolwardError

    if (number := _not_text(words)) is not None:
        said = f"Word {number} of the command is not UTF-8."
        print_error(InvalidRequest(said, hint="Write it in UTF-8, or rename the file."), as_json=as_json)
        return EXIT_USAGE
    try:
        return make_app()(words, exit_on_error=False, print_error=False) or 0
    except CycloptsError as error:
        _say_usage(error, words, as_json=as_json)
        return EXIT_USAGE
    except ToolwardError as error:
        print_error(error, as_json=as_json)
        return exit_code(error)
    except BrokenPipeError:
        raise
    except OSError as error:  # of a file that was named, or the disk: what the commands did not foresee
        about = f": {error.filename}" if error.filename else ""
        said = ConfigurationError(
            f"{error.strerror or error}{about}.", hint="Look at that file, its rights and the disk."
        )
        print_error(said, as_json=as_json)
        return exit_code(said)


def _not_text(words: list[str]) -> int | None:
    """Which one, counted from 1: bytes that are no UTF-8 could not be said again, in JSON or elsewhere."""
    for number, word in enumerate(words, 1):
        try:
            word.encode()
        except UnicodeEncodeError:
            return number
    return None


def _say_usage(error: "CycloptsError", words: list[str], *, as_json: bool) -> None:
    from gateway.cli.output import note, print_json
    from gateway.cli.usage import told
    from toolward.printable import printable_lines

    said, hint = told(error, words)
    if as_json:
        print_json({"error": {"code": "usage", "message": said, "hint": hint}})
    else:
        note(f"toolward: {printable_lines(said)}\n  {printable_lines(hint)}")
