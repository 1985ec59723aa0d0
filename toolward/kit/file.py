"""`toolserver ./mine.py`: the ToolServer in a Python file."""

import os
import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from toolward.errors import ConfigurationError, ToolwardError
from toolward.kit.server import ToolServer

_MODULE = "toolserver_file"  # one name for all, so that a file called json.py does not stand in for json


def is_file(name: str) -> bool:
    """Whether the first word of the command line means a file, and not a server's name."""
    return name.endswith(".py") or os.sep in name


def load_file(name: str, arguments: list[str]) -> ToolServer[Any]:
    """Run the file as its module's import would, and find its server: the one, or the one that is named
    `server`. `arguments` are what follows it on the command line, should it serve by itself.

    Raises ConfigurationError, with the line where the file failed.
    """
    path = Path(name)
    if not path.is_file():
        raise ConfigurationError(f"There is no file {name}.", hint="Give the path of a Python file.")
    sys.path.insert(0, str(path.resolve().parent))  # its neighbours can be imported, as if Python ran it
    sys.argv = [name, *arguments]
    return _server_in(_run(path), name)


def _run(path: Path) -> ModuleType:
    spec = spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is no Python file.", hint="Its name must end in .py.")
    module = sys.modules[_MODULE] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigurationError(f"{path}, line {error.lineno}: {error.msg}.") from None
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{path}{_line(error, path)} lacks the package {error.name}.",
            hint="Install it beside toolward, in the same environment.",
        ) from None
    except ToolwardError as error:
        raise ConfigurationError(f"{path}{_line(error, path)}: {error.message}", hint=error.hint) from None
    except Exception as error:
        said = f"{type(error).__name__}: {error}".rstrip(".: ")
        raise ConfigurationError(f"{path}{_line(error, path)} failed with {said}.") from error
    return module


def _line(error: BaseException, path: Path) -> str:
    """`, line 7`: the last one of the file itself that led to the error."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return f", line {lines[-1]}" if lines else ""


def _server_in(module: ModuleType, name: str) -> ToolServer[Any]:
    found: dict[str, ToolServer[Any]] = {
        key: value for key, value in vars(module).items() if isinstance(value, ToolServer)
    }
    distinct = {id(value): value for value in found.values()}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    if "server" in found:
        return found["server"]
    if found:
        raise ConfigurationError(
            f"{name} has several tool servers: {', '.join(found)}.", hint="Name the one to serve `server`."
        )
    raise ConfigurationError(
        f"{name} has no tool server.",
        hint='Make one: `from toolward.kit import ToolServer`, then `server = ToolServer("mine")`.',
    )
