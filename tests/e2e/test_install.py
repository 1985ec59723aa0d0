"""Each server installed alone: a wheel of this tree, an empty environment, one extra, and nothing else."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.integration.served import free_port

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"

OWN = {
    "calculator": {"flint", "lark", "pint"},
    "search": {"apsw"},
    "files": {"re2"},
    "crm": {"sqlalchemy"},
}
"""What each server needs beside the SDK."""

NOT_THE_SDKS = {"fastapi", "cyclopts", "httpx", "ruamel", "cel_expr_python", "joserfc", "opentelemetry.sdk"}


class Installed:
    """An environment that has one server."""

    def __init__(self, folder: Path, wheel: Path, extra: str) -> None:
        self.folder = folder
        self._bin = folder / "env" / "bin"
        run(str(UV), "venv", "-q", "-p", sys.executable, str(folder / "env"))
        constraints = ("-c", str(ROOT / "constraints.txt"))
        target = f"toolward[{extra}] @ {wheel.as_uri()}"
        run(str(UV), "pip", "install", "-q", "-p", str(self._bin / "python"), *constraints, target)

    def python(self, code: str) -> str:
        return run(str(self._bin / "python"), "-c", code, cwd=self.folder)

    def command(self, *words: str) -> list[str]:
        return [str(self._bin / "toolserver"), *words]

    def environment(self, **more: str) -> dict[str, str]:
        places = {
            "HOME": self.folder,
            "TOOLWARD_HOME": self.folder,
            "TOOLWARD_FILES_ROOT": self.folder / "files",
        }
        return clean() | {name: str(place) for name, place in places.items()} | more

    def refusal(self, *words: str, **more: str) -> str:
        done = subprocess.run(
            self.command(*words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=self.folder,
            env=self.environment(**more),
        )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        return done.stderr


def clean() -> dict[str, str]:
    """Without what would lead back into this tree."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "TOOLWARD_", "OTEL_", "VIRTUAL_ENV"))
    }


def run(*words: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=90, check=False, cwd=cwd, env=clean()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(str(UV), "build", "-q", "--wheel", "-o", str(folder), str(ROOT))
    (found,) = folder.glob("*.whl")
    return found


def test_a_server_needs_neither_the_gateways_packages_nor_the_other_servers(
    wheel: Path, tmp_path: Path
) -> None:
    """One test for all four, so that the wheel is built once however many workers there are."""
    for name, own in OWN.items():
        folder = tmp_path / name
        folder.mkdir()
        installed = Installed(folder, wheel, name)
        others = NOT_THE_SDKS | set[str]().union(*OWN.values()) - own
        code = (
            f"from importlib.util import find_spec as f; print([n for n in {sorted(own | others)} if has(n)])"
        )
        prelude = (
            "def has(name):\n"
            "    try:\n"
            "        return __import__('importlib.util').util.find_spec(name) is not None\n"
            "    except ModuleNotFoundError:\n"
            "        return False\n"
        )
        assert installed.python(prelude + code).strip() == str(sorted(own)), name
        _answers_over_stdio(installed, name)
        _serves_alone(installed, name)
        if name == "crm":
            _says_what_lacks(installed)


def _answers_over_stdio(installed: Installed, name: str) -> None:
    done = subprocess.run(
        installed.command(name),
        input='{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n',
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=installed.folder,
        env=installed.environment(),
    )
    assert json.loads(done.stdout)["result"]["tools"], name


def _serves_alone(installed: Installed, name: str) -> None:
    """HTTP and gRPC from the flags that an operator gives; /readyz says when."""
    http, grpc = free_port(), free_port()
    words = installed.command(name, "--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc}")
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, cwd=installed.folder, env=installed.environment()
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(f"{name}: MCP at http://127.0.0.1:{http}/mcp, gRPC at")
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/readyz", timeout=10) as answer:
            assert json.load(answer) == {"status": "ready"}
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def _says_what_lacks(installed: Installed) -> None:
    """The environment has the CRM alone: what it lacks is named with the remedy, when it is asked for."""
    assert "pip install 'toolward[search]'" in installed.refusal("search")
    jwt = ("--jwt-issuer", "https://id.example", "--jwt-audience", "https://a.example/mcp", "--jwt-keys", "k")
    assert "pip install 'toolward[jwt]'" in installed.refusal("crm", *jwt)
    spans = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    assert "pip install 'toolward[otel]'" in installed.refusal("crm", **spans)
