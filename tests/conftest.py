import os
import sys

import pytest

# Kept, as `make test` keeps it: without bytecode each of the hundreds of processes here starts twice as slowly.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
