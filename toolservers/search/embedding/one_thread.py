"""numpy's products on one thread each.

OpenBLAS starts a thread for each core, and they wait for each other by spinning: beside other work on the same
cores a batch took ten times as long as on one thread (measured with MiniLM on two cores). What is embedded is work
behind a server that has other things to do, and questions have threads of their own."""

import ctypes
import os
from pathlib import Path

_SYMBOLS = ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads")


def use_one_thread() -> None:
    """For all of this process. Where the environment says how many, or numpy stands on another library than the one
    that its wheels bring, nothing is changed."""
    if {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"} & os.environ.keys():
        return
    import numpy as np

    libraries = Path(np.__file__).parents[1] / "numpy.libs"
    for path in sorted(libraries.glob("*openblas*")):
        library = ctypes.CDLL(str(path))  # the one that is loaded already
        for symbol in _SYMBOLS:
            if hasattr(library, symbol):
                getattr(library, symbol)(1)
                return
