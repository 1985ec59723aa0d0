"""What to do about an error, in the words of this command line, where the gateway has words for every door."""

import shlex

from toolward.errors import ApprovalRequired, Denied, InvalidArguments, ToolwardError

_COMMANDS = {
    "List your runs.": "See which there are: toolward run list",
    "List the requests that you may answer.": "See which there are: toolward inbox list",
    "List the requests that are open.": "See which there are: toolward inbox list",
    "List the tools to see which there are.": "See which there are: toolward tool list",
}
_LONGEST = 200  # characters of arguments that are said again


def remedy(error: ToolwardError) -> str:
    return _COMMANDS.get(error.hint, error.hint)


def say_of_a_call(error: ToolwardError, tool: str, arguments: str, who: str) -> None:
    """Puts into it what somebody does who called a tool from here."""
    match error:
        case ApprovalRequired():
            error.hint = (
                f"Say yes, if you may, with: toolward inbox approve {error.request_id}\n"
                "  Then make the same call again."
            )
        case Denied() if not error.hint:
            text = f" {shlex.quote(arguments)}" if len(arguments) <= _LONGEST else ""
            error.hint = f"Why, rule by rule: toolward policy explain {who} {tool}{text}"
        case InvalidArguments():
            error.hint = f"See what it takes: toolward tool show {tool}"
        case _:
            pass
