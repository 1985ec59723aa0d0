"""`toolserver crm scenario …`: the support tasks listed, shown, run and checked.

    toolserver crm scenario list                       what there is, a line each
    toolserver crm scenario show ID                    one in full, as it is judged
    toolserver crm scenario run ID [--database FILE]   its oracle, played in a world of its own, and the verdict
    toolserver crm scenario check ID --before FILE --after FILE [--calls FILE]
                                                       what became of a world, against the scenario

With `--json` for programs. Exit codes: 0 well, 1 a verdict that is not passed, 2 wrong use.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from toolservers.crm.scenarios.scenario import Scenario, scenario, scenarios
from toolward.errors import ConfigurationError, ToolwardError


def main(arguments: list[str]) -> int:
    """The exit code. `--help` and wrong use exit as argparse does."""
    options = _parser().parse_args(arguments)
    try:
        status = options.do(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # `list | head`: whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ToolwardError as error:
        print(error.text, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="toolserver crm scenario",
        description="Support tasks to try agents on: what is asked, which ends are right, which are wrong.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, do, says in (
        ("list", _list, "what there is"),
        ("show", _show, "one in full"),
        ("run", _run, "play the oracle in a world of its own, and judge it"),
        ("check", _check, "judge what became of a world"),
    ):
        command = commands.add_parser(name, help=says, description=says.capitalize() + ".")
        command.set_defaults(do=do)
        command.add_argument("--json", action="store_true", help="for programs")
        if name != "list":
            command.add_argument("id", help="of the scenario, as `list` shows it")
        if name == "run":
            command.add_argument("--database", type=Path, help="leave the world there; a new file")
        if name == "check":
            command.add_argument(
                "--before", type=Path, required=True, help="the world's SQLite file as it began"
            )
            command.add_argument("--after", type=Path, required=True, help="the same when the task was done")
            command.add_argument("--calls", type=Path, help="what was called: JSON, tool and arguments each")
    return parser


def _list(options: argparse.Namespace) -> int:
    found = scenarios()
    if options.json:
        _print_json([{"id": one.id, "title": one.title, "themes": one.themes} for one in found])
        return 0
    width = max(len(one.id) for one in found)
    for one in found:
        print(f"{one.id:{width}}  {one.title}")
    return 0


def _show(options: argparse.Namespace) -> int:
    one = scenario(options.id)
    if options.json:
        _print_json(one)
    else:
        print(_shown(one))
    return 0


def _shown(one: Scenario) -> str:
    lines = [f"{one.id}: {one.title}", f"  customer: {one.customer} (calls are made by the {one.caller})"]
    lines += [f"  says: {' '.join(text.split())}" for text in (one.request, *one.later)]
    lines += [f"  stands on: {', '.join(one.documents)}"] if one.documents else []
    lines += [f"  right: {end.says}" for end in one.accept]
    lines += (
        ["  right: nothing is changed; at most, the answer is written into a ticket."] if one.refuse else []
    )
    lines += [f"  never ({bad.id}): {bad.says}" for bad in one.forbid]
    lines += [f"  the answer mentions: {', '.join(one.answer_has)}"]
    lines += [f"  oracle {number}: {_call(call)}" for number, call in enumerate(one.oracle, start=1)]
    return "\n".join(lines)


def _call(call: dict[str, Any]) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in call.items() if name != "call")
    return f"{call['call']}({given})"


def _run(options: argparse.Namespace) -> int:
    from toolservers.crm.scenarios import runner

    one = scenario(options.id)
    if options.database is not None and options.database.exists():
        raise ConfigurationError(
            f"{options.database} exists, and was left as it is.", hint="Name a new file."
        )

    async def played(folder: Path) -> tuple[Any, Any]:
        world = folder / "world.db"
        await runner.make_world(world)
        return await runner.judged(one, world, options.database or folder / "played.db")

    with tempfile.TemporaryDirectory(prefix="toolward-scenario-") as folder:
        verdict, done = asyncio.run(played(Path(folder)))
    if options.json:
        _print_json({"verdict": verdict, "calls": done.calls, "refused": done.refused})
    else:
        print("\n".join([str(verdict), *(f"  refused: {text}" for text in done.refused)]))
    return 0 if verdict.passed else 1


def _check(options: argparse.Namespace) -> int:
    from toolservers.crm.scenarios import runner
    from toolservers.crm.scenarios.checker import check

    one = scenario(options.id)
    calls = _calls(options.calls) if options.calls else []
    for database in (options.before, options.after):
        if not database.is_file():
            raise ConfigurationError(f"There is no file {database}.")
    verdict = check(one, runner.between(options.before, options.after), calls)
    if options.json:
        _print_json({"verdict": verdict})
    else:
        print(verdict)
    return 0 if verdict.passed else 1


def _calls(file: Path) -> list[Any]:
    """Raises ConfigurationError for what is no list of calls."""
    from toolservers.crm.scenarios.checker import Call

    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Call])
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(
            f"The calls in {file} cannot be read: {error}.",
            hint='They are JSON: [{"tool": "get_record", "arguments": {"record_id": "ORD-1007"}}].',
        ) from None


def _print_json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=dict), indent=2).decode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
