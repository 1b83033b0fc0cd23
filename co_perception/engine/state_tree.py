"""State of streams as a value: an immutable tree of arrays that a step takes and returns.

A tree is an array, a (named) tuple of trees, or one in the layout of a fast program (`PackedState`). Every array has
the streams of the batch on axis 0, so that streams are gathered, replaced and reset with one line each, and a snapshot
is an assignment. Arrays are of any library of `array_library`, which need not be installed.
"""

from __future__ import annotations

import os
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from co_perception.engine.array_library import NUMPY, Array, common_library, library_of
from co_perception.engine.files import write_files

# A recursive alias is not expressible for NamedTuples; leaves are arrays, everything else is a tuple or packed.
Tree = Any
T = TypeVar("T")

FORMAT = {"format": "co_perception.state", "format_version": "2"}  # how `load` knows a file as one of `save`
MOST_LAYERS = 10_000  # side by side; more is damage


class State(NamedTuple):
    """State of a streaming module.

    Attributes:
        age: (B,) int64, frames that each stream has been given.
        layers: tree of past frames, as `Streaming.init_history` lays it out.
    """

    age: Array
    layers: Tree


class PackedState:
    """A tree in a layout of its owner's, such as that of a fast program. All functions of this file unpack it.

    Not an ABC: a step of a large network asks hundreds of arrays whether they are one, and ABCs answer slowly.
    """

    def unpack(self) -> Tree:
        """The tree as arrays and tuples."""
        raise NotImplementedError

    @property
    def tensors(self) -> Sequence[Array]:
        """The arrays of the packed layout: those that take memory."""
        raise NotImplementedError

    def __reduce__(self) -> tuple[Callable[[Tree], Tree], tuple[Tree]]:
        """Copies and pickles are the tree itself: the owner's program stays where it is."""
        return unpacked, (self.unpack(),)


def unpacked(tree: Tree) -> Tree:
    """The tree itself, or that of a `PackedState`."""
    return tree.unpack() if isinstance(tree, PackedState) else tree


def tree_map(function: Callable[..., Array], tree: T, *others: T) -> T:
    """Apply `function` to corresponding leaves of trees of one structure, giving a tree of that structure."""
    tree, others = unpacked(tree), tuple(unpacked(other) for other in others)
    if not isinstance(tree, tuple):
        library_of(tree)  # or it is no array
        return function(tree, *others)
    for other in others:
        if not isinstance(other, tuple) or len(other) != len(tree):
            found = f"{type(other).__name__} of {len(other)}" if isinstance(other, tuple) else type(other).__name__
            raise ValueError(
                f"states of different structure: {type(tree).__name__} of {len(tree)} and {found}. Do they come from "
                "the same network?"
            )
    parts = [tree_map(function, *children) for children in zip(tree, *others, strict=True)]
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def named_leaves(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Array]]:
    """(name, array) of each leaf, names such as `layers.0.2`, in a fixed order."""
    tree = unpacked(tree)
    if not isinstance(tree, tuple):
        yield prefix, tree
        return
    names = getattr(tree, "_fields", None) or [str(i) for i in range(len(tree))]
    for name, child in zip(names, tree, strict=True):
        yield from named_leaves(child, f"{prefix}.{name}" if prefix else name)


def leaves(tree: Tree) -> list[Array]:
    """The arrays of a tree in a fixed order, that of `named_leaves`."""
    found: list[Array] = []
    _collect(tree, found)
    return found


def _collect(tree: Tree, found: list[Array]) -> None:
    # Without names and generators: a step of a large network does this for hundreds of frames.
    if isinstance(tree, tuple):
        for child in tree:
            _collect(child, found)
    elif isinstance(tree, PackedState):
        _collect(tree.unpack(), found)
    else:
        found.append(tree)


def unflatten(like: T, flat: Sequence[Array]) -> T:
    """The tree of the structure of `like` with the leaves `flat` (in the order of `leaves`)."""
    remaining = iter(flat)
    try:
        tree = _arrange(like, remaining)
    except StopIteration:
        tree = None
    if tree is None or next(remaining, None) is not None:
        raise ValueError(f"{len(flat)} arrays given, the state has {len(leaves(like))} leaves")
    return tree


def _arrange(like: T, remaining: Iterator[Array]) -> T:
    like = unpacked(like)
    if not isinstance(like, tuple):
        return next(remaining)
    if not like:
        return like  # an empty tuple, as most layers have
    parts = [_arrange(child, remaining) for child in like]
    return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)


def nested(named: Mapping[str, Array]) -> Tree:
    """A tree whose `named_leaves` are these, in their order; a layer without leaves is an empty tuple.

    >>> nested({"0.1": "a", "0.2": "b", "2.x": "c"})
    (((), 'a', 'b'), (), Layers(x='c'))

    Raises: ValueError for names that no tree gives its leaves.
    """
    if list(named) == [""]:
        return named[""]
    parts: dict[str, dict[str, Array]] = {}
    for name, leaf in named.items():
        first, _, rest = name.partition(".")
        parts.setdefault(first, {})[rest] = leaf
    children = {first: nested(rest) for first, rest in parts.items()}
    if not all(first.isdecimal() for first in children):
        return namedtuple("Layers", children)(**children)
    places = sorted(map(int, children))
    if [*map(str, places)] != list(children) or places[-1:] > [MOST_LAYERS]:
        raise ValueError(f"layers of a state are numbered in their order, at most {MOST_LAYERS}: {list(children)[:5]}")
    return tuple(children.get(str(place), ()) for place in range(places[-1] + 1)) if places else ()


def state_bytes(tree: Tree) -> int:
    """Bytes of the leaves (not of the rest of their storage), or of a packed layout."""
    if isinstance(tree, PackedState):
        return sum(array.nbytes for array in tree.tensors)
    return sum(map(state_bytes, tree)) if isinstance(tree, tuple) else int(tree.nbytes)


def rows_of(state: State, rows: Sequence[int]) -> Array:
    """Row numbers as `take_rows` and `put_rows` take them for this state."""
    return library_of(state.age).index(rows, state.age)


def take_rows(tree: T, rows: Array) -> T:
    """The streams `rows` (N,) int64 of a state, as a state of batch size N."""
    return tree_map(lambda leaf: library_of(leaf).take(leaf, rows), tree)


def put_rows(tree: T, rows: Array, values: T) -> T:
    """A state in which the streams `rows` (N,) are replaced by those of `values` (batch size N)."""

    def put(leaf: Array, value: Array) -> Array:
        if leaf.shape[1:] != value.shape[1:]:
            shapes = f"{tuple(leaf.shape[1:])} and {tuple(value.shape[1:])}"
            raise ValueError(f"streams of different networks: leaves of {shapes}. Do they come from the same network?")
        return library_of(leaf).put(leaf, rows, value)

    return tree_map(put, tree, values)


def join_rows(trees: Sequence[T]) -> T:
    """The streams of several states as one batch, in the order given."""
    if not trees:
        raise ValueError("no states to join: give at least one")
    return tree_map(lambda *parts: library_of(parts[0]).join(parts), trees[0], *trees[1:])


def copied(tree: T) -> T:
    """The same state in memory of its own."""
    return tree_map(lambda leaf: library_of(leaf).copy(leaf), tree)


def fitted(state: T, like: T) -> T:
    """A state in the structure, in the library and where the arrays of `like` are, whose leaves have the same names.

    Raises: ValueError for a state of another network or of another number of streams.
    """
    wrong = "this is a state of another network or another number of streams"
    given, wanted = dict(named_leaves(state)), dict(named_leaves(like))
    if given.keys() != wanted.keys():
        raise ValueError(f"{wrong}: leaves of only one of them: {sorted(given.keys() ^ wanted.keys())[:5]}")
    found = []
    for name, own in wanted.items():
        leaf = library_of(own).adopt(given[name], own)
        if leaf.shape != own.shape or leaf.dtype != own.dtype:
            raise ValueError(
                f"{wrong}: {leaf.dtype} {tuple(leaf.shape)} instead of {own.dtype} {tuple(own.shape)} in {name}"
            )
        found.append(leaf)
    return unflatten(like, found)


def save(tree: Tree, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
    """Write a state to a safetensors file, one array per leaf under its name of `named_leaves`.

    The file appears whole or not at all: an interrupted `save` leaves the earlier file as it was. `metadata` holds
    strings of the caller's, such as the network's name; `read_metadata` gives them back.
    """
    write_files({Path(path): packed_file(tree, metadata)})


def packed_file(tree: Tree, metadata: Mapping[str, str] | None = None) -> bytes:
    """What `save` writes."""
    named = dict(named_leaves(tree))
    return common_library(list(named.values())).to_bytes(named, {**(metadata or {}), **FORMAT})


def load(path: str | os.PathLike[str], like: T) -> T:
    """The state that `save` wrote, in the structure, library and on the devices of `like`, with the file's streams.

    `like` is any state of the same network, such as `layer.init_state(1, frame_shape)`. Which library wrote the file
    does not matter.

    Raises:
        ValueError: where the file is not whole, not written by `save`, or of another network.
        FileNotFoundError: where there is none.
    """
    wanted = dict(named_leaves(like))
    arrays = _read(path, common_library(list(wanted.values())).framework)
    if arrays.keys() != wanted.keys():
        unmatched = sorted(arrays.keys() ^ wanted.keys())
        raise ValueError(f"{path} holds the state of another network: leaves of only one of them: {unmatched[:5]}")
    found = {name: library_of(leaf).adopt(arrays[name], leaf) for name, leaf in wanted.items()}
    for name, leaf in wanted.items():
        own = found[name]
        if own.shape[1:] != leaf.shape[1:] or own.dtype != leaf.dtype:
            raise ValueError(
                f"{path}: {name} is {own.dtype} of {tuple(own.shape[1:])} per stream, the network has {leaf.dtype} "
                f"of {tuple(leaf.shape[1:])}. Was it saved with another network, frame size or precision?"
            )
    if len({len(leaf) for leaf in found.values()}) > 1:
        raise ValueError(f"{path}: its leaves have different numbers of streams; a state has one")
    return unflatten(like, list(found.values()))


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata that was given to `save`; errors as of `load`."""
    with _opened(path, NUMPY.framework) as file:
        return {key: value for key, value in file.metadata().items() if key not in FORMAT}


def _read(path: str | os.PathLike[str], framework: str) -> dict[str, Array]:
    with _opened(path, framework) as file:
        try:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except TypeError as error:  # such as bfloat16, which NumPy does not have
            raise ValueError(f"{path} is of a precision that {framework} does not have ({error})") from error


@contextmanager
def _opened(path: str | os.PathLike[str], framework: str) -> Iterator[Any]:
    """A file that `save` wrote."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            metadata = file.metadata() or {}
            if any(metadata.get(key) != value for key, value in FORMAT.items()):
                raise ValueError(
                    f"{path} was not written by save of co_perception.engine.state_tree in format "
                    f"{FORMAT['format_version']}: expected metadata {FORMAT}, got {metadata}. Weights are loaded with "
                    "load_state_dict"
                )
            yield file
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}). Was it copied only half?") from error
