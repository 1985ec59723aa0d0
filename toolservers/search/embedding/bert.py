"""BERT's encoder (Devlin et al., 2019) in numpy, for inference: float32, sequences of any lengths at once.

The sequences stand one behind another, without padding: what is done to each token alone is one product for all of
them, and attention is taken within each. So there is no mask, and nothing is computed for blanks."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType] -- its paths are of any type

Array = NDArray[np.float32]

_EPSILON = np.float32(1e-12)
# Abramowitz and Stegun, 7.1.26: erfc to 1.5e-7, which is float32's own precision.
_ERFC = [np.float32(a) for a in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)]
_P = np.float32(0.3275911 / 2**0.5)


class Linear(NamedTuple):
    weight: Array
    """(in, out)"""
    bias: Array

    def __call__(self, x: Array) -> Array:
        y = x @ self.weight
        y += self.bias
        return y


class Norm(NamedTuple):
    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        """In place."""
        x -= x.mean(axis=-1, keepdims=True)
        variance = np.einsum("ij,ij->i", x, x)[:, None] / np.float32(x.shape[-1])
        x /= np.sqrt(variance + _EPSILON)
        x *= self.weight
        x += self.bias
        return x


class Layer(NamedTuple):
    attend: Linear
    """Query, key and value side by side, the query scaled already."""
    attended: Linear
    attended_norm: Norm
    widen: Linear
    narrow: Linear
    norm: Norm

    def __call__(self, x: Array, lengths: Sequence[int], heads: int) -> Array:
        y = self.attended(_attention(self.attend(x), lengths, heads))
        y += x
        x = self.attended_norm(y)
        y = self.narrow(gelu(self.widen(x)))
        y += x
        return self.norm(y)


class Encoder:
    """Immutable, and safe to use from several threads."""

    def __init__(self, weights: Path, heads: int) -> None:
        """`weights` is a safetensors file with Hugging Face's names of BERT's parts. Raises OSError, KeyError, and
        SafetensorError for a file that is none."""
        given: dict[str, Array] = load_file(weights)
        self.words: Array = given["embeddings.word_embeddings.weight"]
        places = given["embeddings.position_embeddings.weight"]
        # All tokens are of one segment, the first.
        self._places: Array = places + given["embeddings.token_type_embeddings.weight"][0]
        self._norm = _norm(given, "embeddings.LayerNorm")
        self._heads = heads
        count = sum(name.endswith(".intermediate.dense.bias") for name in given)
        self._layers = [_layer(given, f"encoder.layer.{number}.", heads) for number in range(count)]

    @property
    def dimensions(self) -> int:
        return self.words.shape[1]

    @property
    def longest(self) -> int:
        """Tokens of a sequence that there are positions for."""
        return self._places.shape[0]

    def means(self, sequences: Sequence[Sequence[int]]) -> Array:
        """The mean of each sequence's last states: (sequences, dimensions), not yet of length 1. A sequence has a
        token or more, and at most `longest`."""
        lengths = [len(sequence) for sequence in sequences]
        tokens = np.fromiter((token for sequence in sequences for token in sequence), np.int64, sum(lengths))
        places = np.concatenate([np.arange(length) for length in lengths])
        x = self.words[tokens]
        x += self._places[places]
        x = self._norm(x)
        for layer in self._layers:
            x = layer(x, lengths, self._heads)
        starts = np.cumsum([0, *lengths[:-1]])
        sums: Array = np.add.reduceat(x, starts, axis=0)
        sums /= np.array(lengths, np.float32)[:, None]
        return sums


def gelu(x: Array) -> Array:
    """x * Phi(x), in place: max(x, 0) less the tail, |x| * erfc(|x| / sqrt 2) / 2."""
    a = np.abs(x)
    t = a * _P
    t += np.float32(1)
    np.reciprocal(t, out=t)
    tail = t * _ERFC[0]
    for coefficient in _ERFC[1:]:
        tail += coefficient
        tail *= t
    tail *= a
    a *= a
    a *= np.float32(-0.5)
    tail *= np.exp(a, out=a)
    tail *= np.float32(0.5)
    np.maximum(x, 0, out=x)
    x -= tail
    return x


def _attention(attend: Array, lengths: Sequence[int], heads: int) -> Array:
    width = attend.shape[1] // 3
    out = np.empty((attend.shape[0], width), np.float32)
    start = 0
    for length in lengths:
        end = start + length
        # (3, heads, length, width of a head)
        query, key, value = attend[start:end].reshape(length, 3, heads, width // heads).transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        out[start:end] = (scores @ value).transpose(1, 0, 2).reshape(length, width)
        start = end
    return out


def _layer(given: dict[str, Array], name: str, heads: int) -> Layer:
    parts = [_linear(given, f"{name}attention.self.{part}") for part in ("query", "key", "value")]
    scale = np.float32((parts[0].weight.shape[1] // heads) ** -0.5)
    parts[0] = Linear(parts[0].weight * scale, parts[0].bias * scale)
    return Layer(
        Linear(
            np.ascontiguousarray(np.hstack([part.weight for part in parts])),
            np.concatenate([part.bias for part in parts]),
        ),
        _linear(given, f"{name}attention.output.dense"),
        _norm(given, f"{name}attention.output.LayerNorm"),
        _linear(given, f"{name}intermediate.dense"),
        _linear(given, f"{name}output.dense"),
        _norm(given, f"{name}output.LayerNorm"),
    )


def _linear(given: dict[str, Array], name: str) -> Linear:
    return Linear(np.ascontiguousarray(given[f"{name}.weight"].T), given[f"{name}.bias"])


def _norm(given: dict[str, Array], name: str) -> Norm:
    return Norm(given[f"{name}.weight"], given[f"{name}.bias"])
