"""Generate toolward/v1 from the protos, or with --check say whether what is committed is what they give."""

import filecmp
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc  # pyright: ignore[reportMissingTypeStubs] -- ships none

HERE = Path(__file__).parent
PACKAGE = Path("toolward/v1")


def generate(target: Path) -> None:
    """Write the modules and stubs below `target`; raises SystemExit when protoc refuses the protos."""
    protos = sorted(str(path.relative_to(HERE)) for path in (HERE / PACKAGE).glob("*.proto"))
    outputs = ("--python_out", "--grpc_python_out", "--mypy_out", "--mypy_grpc_out")
    include = files("grpc_tools") / "_proto"
    plugins = Path(sys.executable).parent
    status = protoc.main(
        [
            "protoc",
            f"-I{HERE}",
            f"-I{include}",
            f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
            *(f"{flag}={target}" for flag in outputs),
            *protos,
        ]
    )
    if status != 0:
        raise SystemExit("protoc refused the protos; see its message above")


def drifted() -> list[str]:
    """Names of the generated files that differ from what the protos give now."""
    committed = HERE.parent / PACKAGE
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = Path(scratch) / PACKAGE
        names = {path.name for path in fresh.iterdir()} | {path.name for path in committed.glob("*_pb2*")}
        _, mismatch, errors = filecmp.cmpfiles(fresh, committed, sorted(names), shallow=False)
        return sorted(mismatch + errors)


def main() -> None:
    if "--check" not in sys.argv[1:]:
        generate(HERE.parent)
    elif names := drifted():
        raise SystemExit(
            f"toolward/v1 is not what proto/ gives: {', '.join(names)}. Run `make proto` and commit."
        )


if __name__ == "__main__":
    main()
