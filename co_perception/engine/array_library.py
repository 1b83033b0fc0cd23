"""Libraries of arrays, of which the leaves of a stream's state may be: NumPy's, and those that register themselves.

`continual.state` registers torch. So a robot that steps a bundle never imports it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = Any  # of any library here: shape, dtype, nbytes and indexing are alike


class ArrayLibrary(ABC):
    """What is done with the arrays of one library. Axis 0 is that of the streams; nothing is written into.

    framework: its name for safetensors.
    """

    framework: str

    @abstractmethod
    def owns(self, array: Array) -> bool:
        """Whether an array is of this library."""

    @abstractmethod
    def index(self, rows: Sequence[int], like: Array) -> Array:
        """Rows as `take` and `put` take them, for arrays that lie where `like` does."""

    @abstractmethod
    def take(self, array: Array, rows: Array) -> Array:
        """A copy of these rows."""

    @abstractmethod
    def put(self, array: Array, rows: Array, values: Array) -> Array:
        """A copy in which these rows are `values`."""

    @abstractmethod
    def join(self, arrays: Sequence[Array]) -> Array:
        """The rows of several, one after the other."""

    @abstractmethod
    def stack(self, arrays: Sequence[Array]) -> Array:
        """Each as one row."""

    @abstractmethod
    def copy(self, array: Array) -> Array:
        """The same numbers in memory of their own."""

    @abstractmethod
    def adopt(self, array: Array, like: Array) -> Array:
        """An array of any library as one of this, which lies where `like` does."""

    @abstractmethod
    def zeros(self, shape: Sequence[int], like: Array) -> Array:
        """Zeros in float32, where `like` lies."""

    @abstractmethod
    def to_bytes(self, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
        """A safetensors file of arrays of this library and of NumPy."""


class NumPyLibrary(ArrayLibrary):
    """NumPy's arrays."""

    framework = "numpy"

    def owns(self, array: Array) -> bool:
        return isinstance(array, np.ndarray)

    def index(self, rows: Sequence[int], like: Array) -> Array:
        return np.asarray(rows, np.int64)

    def take(self, array: Array, rows: Array) -> Array:
        return array[rows]

    def put(self, array: Array, rows: Array, values: Array) -> Array:
        changed = array.copy()
        changed[rows] = values
        return changed

    def join(self, arrays: Sequence[Array]) -> Array:
        return np.concatenate(arrays)

    def stack(self, arrays: Sequence[Array]) -> Array:
        return np.stack(arrays)

    def copy(self, array: Array) -> Array:
        return array.copy()

    def adopt(self, array: Array, like: Array) -> Array:
        return np.asarray(array)

    def zeros(self, shape: Sequence[int], like: Array) -> Array:
        return np.zeros(shape, np.float32)

    def to_bytes(self, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
        from safetensors.numpy import save

        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        return save(contiguous, metadata=dict(metadata))


NUMPY = NumPyLibrary()
_LIBRARIES: list[ArrayLibrary] = [NUMPY]


def add_library(library: ArrayLibrary) -> None:
    """Make arrays of another library known here."""
    _LIBRARIES.append(library)


def library_of(array: Array) -> ArrayLibrary:
    """The library of an array. Raises: ValueError for what is no array."""
    for library in _LIBRARIES:
        if library.owns(array):
            return library
    raise ValueError(f"a state is made of arrays and tuples, got {type(array).__name__}")


def common_library(arrays: Sequence[Array]) -> ArrayLibrary:
    """The one library, beside NumPy, that these arrays are of; NumPy where there is no other."""
    others = (library_of(array) for array in arrays if not isinstance(array, np.ndarray))
    return next(others, NUMPY)
