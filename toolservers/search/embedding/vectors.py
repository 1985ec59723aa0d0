"""Vectors as the index keeps them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Packed(NamedTuple):
    vector: bytes
    """Little-endian float16."""
    code: bytes
    """A bit for each dimension, set where it is above 0."""


def packed(vector: NDArray[np.float32]) -> Packed:
    return Packed(vector.astype("<f2").tobytes(), code(vector).tobytes())


def code(vector: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.packbits(vector > 0)


def unpacked(vectors: list[bytes], dimensions: int) -> NDArray[np.float32]:
    """A row each."""
    return np.frombuffer(b"".join(vectors), "<f2").reshape(-1, dimensions).astype(np.float32)
