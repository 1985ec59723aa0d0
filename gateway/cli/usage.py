"""What is wrong with how a command was typed, in plain words."""

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnusedCliTokensError,
)

_KINDS = {int: "whole number", float: "number"}


def told(error: CycloptsError, words: list[str]) -> tuple[str, str]:
    """What was wrong, and what to do."""
    command = " ".join(word for word in error.command_chain or () if not word.startswith("-"))
    see = f"See: {' '.join(filter(None, ('toolward', command, '--help')))}"
    match error:
        case UnknownCommandError() if words and words[0].startswith("-"):
            return f"{words[0]} stands before the command.", f"Write it behind: toolward COMMAND {words[0]}"
        case UnusedCliTokensError():
            more = " ".join(error.unused_tokens or ())
            return f"This is more than {command} takes: {more}.", f"Put what has spaces in quotes. {see}"
        case MissingArgumentError() if error.argument is not None:
            if error.keyword is not None:
                return f"{error.keyword} needs a value.", see
            name = error.argument.name
            wanted = _as_shown(name) if error.argument.field_info.is_positional else name
            return f"{command} needs {wanted}.", see
        case CoercionError() if error.token is not None and error.target_type in _KINDS:
            name = error.token.keyword or _as_shown(error.argument.name if error.argument else "this")
            return f"{name} {error.token.value!r} is no {_KINDS[error.target_type]}.", see
        case _:
            return " ".join(str(error).split()), see


def _as_shown(name: str) -> str:
    """As the help page has it."""
    return name.lstrip("-").replace("-", "_").upper()
