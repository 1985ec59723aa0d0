"""A user without a home directory, as some containers have one: what needs to know a place says so, and the rest
works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
NOBODYS = 54321
"""A number that no list of users has."""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can be somebody else"
)


def said(folder: Path, *code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Of Python code that is run by a user without a name, and without HOME. What it needs is imported before: our
    own home, where the interpreter may lie, is not theirs to read."""
    program = (
        "import os, sys\n"
        "import toolservers.crm.settings, toolservers.files.keys, toolservers.files.settings, platformdirs.unix\n"
        "import toolservers.search.settings, gateway.config.find, gateway.config.builtin\n"
        "from pathlib import Path\n"
        "from toolward.errors import ConfigurationError\n"
        f"os.setgroups([]); os.setuid({NOBODYS})\n"
        "try:\n    " + "\n    ".join(code) + "\n"
        "except ConfigurationError as error:\n    print(error.text)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd="/",
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


NO_HOME = "This user has no home directory. Set TOOLWARD_HOME to a folder of theirs.\n"


@pytest.mark.parametrize(
    "code",
    [
        "toolservers.crm.settings.Settings()",
        "toolservers.files.keys.state_folder(toolservers.files.settings.Settings(root=Path('/srv')))",
        "toolservers.search.settings.Settings(folder=Path('/srv')).index_file",
        "gateway.config.find.home_directory()",
    ],
)
def test_where_data_would_lie_is_asked_for(tmp_path: Path, code: str) -> None:
    done = said(tmp_path, code)
    assert (done.stdout, done.stderr) == (NO_HOME, "")
    assert said(tmp_path, code, TOOLWARD_HOME="/srv").stdout == ""


def test_the_configuration_that_is_found_is_the_built_in_one(tmp_path: Path) -> None:
    done = said(tmp_path, "print(gateway.config.find.find_config().why)")
    assert (done.stdout, done.stderr) == ("the built-in default: there is no toolward.yaml here\n", "")
