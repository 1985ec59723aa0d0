import atexit
import gc
import os
import shutil
import sys
import tempfile

import pytest
from hypothesis import HealthCheck, settings

# Kept, as `make test` keeps it: without bytecode each of the hundreds of processes here starts twice as slowly.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Every search server that a test starts would embed the bundled documents behind, half a minute of a core, where
# the weights are installed. Tests of search by meaning say what embeds.
os.environ.setdefault("TOOLWARD_SEARCH_EMBEDDINGS", "none")

# What programs keep where nobody says where: apart from what the person has who runs the tests, and not for long.
# The search server's index is there, made once for all tests of a worker.
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="toolward-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_DATA_HOME"], ignore_errors=True)


# How long an example takes says how busy the machine is, and is no finding.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are processors: many tests wait for processes and sockets most of their time."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return processors + max(1, processors // 2)


def pytest_collection_finish() -> None:
    """What thousands of tests are made of is there now: the collector need not look at it again, nor so often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
