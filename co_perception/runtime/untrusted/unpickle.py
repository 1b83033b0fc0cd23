"""Restricted unpickler for NumPy arrays: nothing in the file is run.

`pickle.load` calls any function that a file names, and NumPy's own reconstruction trusts the sizes and type flags it
reads. Here only the names that arrays are pickled with are known, and each stands for a small object of this file that
checks its arguments. Dicts, lists, tuples, strings, bytes and numbers need no name. Everything else is refused. Of
arrays of objects one kind is read: the array without axes into which `numpy.save` puts a dict.
"""

from __future__ import annotations

import math
import pickle
import re
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from co_perception.runtime.untrusted.limits import RefusedPickleError, check_claims

MOST_ITEMS = 10_000_000  # of containers, those they hold included, as often as they are held

_NUMBER = re.compile(r"b1|[iu][1248]|f[248]")  # types whose every bit pattern is a value


def read_arrays(path: Path) -> Any:
    """The content of a pickle of plain containers and NumPy arrays (floats, integers, booleans), which are read-only.

    Raises: FileNotFoundError; RefusedPickleError for a file that is cut off, no pickle, or names anything else.
    """
    with path.open("rb") as file:
        return load(file, str(path))


def load(file: BinaryIO, name: str = "pickle") -> Any:
    """`read_arrays` from an open file; `name` is for the error text."""
    try:
        start = file.tell()
        check_claims(file)
        file.seek(start)
        return _Finisher().finish(_ArrayUnpickler(file).load())[0]
    except RefusedPickleError as error:
        raise RefusedPickleError(f"{name}: {error}") from None
    except Exception as error:  # a damaged pickle may raise nearly anything
        how = f"{type(error).__name__}: {error}"
        raise RefusedPickleError(f"{name}: cut off, damaged or no pickle of arrays ({how}). Fetch it again.") from None


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _KNOWN:
            raise RefusedPickleError(
                f"it asks for {module}.{name}, which arrays of numbers do not need. Nothing of it was run. "
                "If you trust where it comes from, convert it there to safetensors."
            )
        return _KNOWN[module, name]

    def persistent_load(self, pid: object) -> object:
        raise RefusedPickleError(f"it points outside itself (persistent id {pid!r}).")


class _DType:
    """Stands for numpy.dtype while reading: a type code, then a byte order. objects: it is the one without numbers."""

    __slots__ = ("dtype", "objects")

    def __init__(self, code: str) -> None:
        self.objects = code in ("O", "O8")
        if not self.objects and not _NUMBER.fullmatch(code):
            raise RefusedPickleError(f"arrays hold floats, integers or booleans here, it has one of type {code!r}.")
        self.dtype: np.dtype[Any] = np.dtype("u1" if self.objects else code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for numpy.ndarray while reading: shape, type, order and bytes, checked against each other.

    held: instead of an array, the one object that it wraps, in a list.
    """

    __slots__ = ("array", "held")

    array: NDArray[Any]
    held: list[Any] | None

    def __setstate__(self, state: tuple[int, tuple[int, ...], _DType, bool, Any]) -> None:
        _, shape, kind, fortran, data = state
        if kind.objects and shape == () and isinstance(data, list) and len(data) == 1:
            self.held = data
            return
        self.set(data, kind, shape, "F" if fortran else "C")

    def set(self, data: bytes | bytearray, kind: _DType, shape: tuple[int, ...], order: Literal["C", "F"]) -> _Array:
        if kind.objects:
            raise RefusedPickleError(f"it has an array of shape {shape} of objects that are not numbers.")
        self.held = None
        needed = math.prod(shape) * kind.dtype.itemsize
        if not isinstance(data, (bytes, bytearray)) or len(data) != needed:
            raise RefusedPickleError(f"an array of shape {shape} does not come with the {needed} bytes it needs.")
        self.array = np.frombuffer(bytes(data), kind.dtype).reshape(shape, order=order)
        return self


class _MakeArray:
    # No attributes: a pickle can set attributes on what it is given, and here there is nothing to set.
    __slots__ = ()

    def __call__(self, kind: object, shape: object, code: object) -> _Array:
        if kind is not _NDARRAY:
            raise RefusedPickleError("it rebuilds something that is not a plain array.")
        return _Array()


class _FillArray:
    """What protocol 5 calls instead: the bytes come first."""

    __slots__ = ()

    def __call__(self, data: bytes, kind: _DType, shape: tuple[int, ...], order: Literal["C", "F"]) -> _Array:
        return _Array().set(data, kind, shape, order)


class _MakeScalar:
    """A single number of NumPy's; becomes Python's."""

    __slots__ = ()

    def __call__(self, kind: _DType, data: bytes) -> object:
        return _Array().set(data, kind, (), "C").array.item()


class _Encode:
    """How Python 3 writes bytes for Python 2 to read: as text."""

    __slots__ = ()

    def __call__(self, text: str, codec: str) -> bytes:
        if codec != "latin1":
            raise RefusedPickleError(f"it encodes text as {codec!r}, which bytes in a pickle never are.")
        return text.encode("latin1")


class _MakeDType:
    __slots__ = ()

    def __call__(self, code: str, align: bool = False, copy: bool = True) -> _DType:
        return _DType(code)


_NDARRAY = object()
_KNOWN: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _MakeDType(),
    ("_codecs", "encode"): _Encode(),
}
for _core in ("numpy.core", "numpy._core"):  # before NumPy 2, and since
    _KNOWN[f"{_core}.multiarray", "_reconstruct"] = _MakeArray()
    _KNOWN[f"{_core}.multiarray", "scalar"] = _MakeScalar()
    _KNOWN[f"{_core}.numeric", "_frombuffer"] = _FillArray()


def _is_key(key: object) -> bool:
    if isinstance(key, tuple):
        return all(map(_is_key, key))
    return key is None or isinstance(key, (str, bytes, int, float))


class _Finisher:
    """Replaces the objects that stood for arrays by the arrays, in the same containers.

    A container that occurs several times is visited once: forty that each hold the next one twice would otherwise be
    visited a million million times. What it unfolds to is counted all the same, for later code that walks through it.
    """

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, int]] = {}  # by id: the pickle's root keeps all of them alive
        self._within: set[int] = set()

    def finish(self, value: Any) -> tuple[Any, int]:
        """The finished value, and how many items it unfolds to. Raises RefusedPickleError for other kinds."""
        if value is None or isinstance(value, (str, bytes, int, float)):
            return value, 1
        if id(value) in self._within:
            raise RefusedPickleError("it has a container that holds itself.")
        if id(value) not in self._done:
            self._within.add(id(value))
            self._done[id(value)] = self._container(value)
            self._within.remove(id(value))
        return self._done[id(value)]

    def _container(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, _Array):
            return (value.array, 1) if value.held is None else self.finish(value.held[0])
        if not isinstance(value, (dict, list, tuple)):
            raise RefusedPickleError(f"it holds a {type(value).__name__}, which is no array, container or number.")
        if isinstance(value, dict) and not all(map(_is_key, value)):
            raise RefusedPickleError("it has a dict whose keys are not texts and numbers.")
        found = [self.finish(item) for item in (value.values() if isinstance(value, dict) else value)]
        count = 1 + sum(items for _, items in found)
        if count > MOST_ITEMS:
            raise RefusedPickleError(f"it unfolds to more than {MOST_ITEMS} items.")
        items = (item for item, _ in found)
        return (dict(zip(value, items, strict=True)) if isinstance(value, dict) else type(value)(items)), count
