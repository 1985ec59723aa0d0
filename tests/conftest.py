import os
import sys

import pytest

# Kept, the bytecode halves what each of the hundreds of processes that the tests start takes; `make test` keeps it too.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
