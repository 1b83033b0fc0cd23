"""State of a stream as a value: an immutable tree of tensors that a layer takes and returns.

A tree is a tensor, a (named) tuple of trees, or one in the layout of a fast program (`PackedState`). Every tensor has
the streams of the batch on axis 0, so that streams are gathered, replaced and reset with one line each, and a snapshot
is an assignment.
"""

from __future__ import annotations

import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

# A recursive alias is not expressible for NamedTuples; leaves are tensors, everything else is a tuple or packed.
Tree = Any
T = TypeVar("T")

FORMAT = {"format": "co_perception.state", "format_version": "2"}  # how `load` knows a file as one of `save`


class State(NamedTuple):
    """State of a streaming module.

    Attributes:
        age: (B,) int64, frames that each stream has been given.
        layers: tree of past frames, as `Streaming.init_history` lays it out.
    """

    age: Tensor
    layers: Tree


class PackedState(ABC):
    """A tree in a layout of its owner's, such as that of a fast program. All functions of this file unpack it."""

    @abstractmethod
    def unpack(self) -> Tree:
        """The tree as tensors and tuples."""

    @property
    @abstractmethod
    def tensors(self) -> Sequence[Tensor]:
        """The tensors of the packed layout: those that take memory."""


def unpacked(tree: Tree) -> Tree:
    """The tree itself, or that of a `PackedState`."""
    return tree.unpack() if isinstance(tree, PackedState) else tree


def tree_map(function: Callable[..., Tensor], tree: T, *others: T) -> T:
    """Apply `function` to corresponding leaves of trees of one structure, giving a tree of that structure."""
    tree, others = unpacked(tree), tuple(unpacked(other) for other in others)
    if isinstance(tree, Tensor):
        return function(tree, *others)  # type: ignore[return-value]
    if not isinstance(tree, tuple):
        raise ValueError(f"a state is made of tensors and tuples, got {type(tree).__name__}")
    for other in others:
        if not isinstance(other, tuple) or len(other) != len(tree):
            found = f"{type(other).__name__} of {len(other)}" if isinstance(other, tuple) else type(other).__name__
            raise ValueError(
                f"states of different structure: {type(tree).__name__} of {len(tree)} and {found}. Do they come from "
                "the same network?"
            )
    parts = [tree_map(function, *children) for children in zip(tree, *others, strict=True)]
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def named_leaves(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of each leaf, names such as `layers.0.2`, in a fixed order."""
    tree = unpacked(tree)
    if isinstance(tree, Tensor):
        yield prefix, tree
        return
    names = getattr(tree, "_fields", None) or [str(i) for i in range(len(tree))]
    for name, child in zip(names, tree, strict=True):
        yield from named_leaves(child, f"{prefix}.{name}" if prefix else name)


def leaves(tree: Tree) -> list[Tensor]:
    """The tensors of a tree in a fixed order, that of `named_leaves`."""
    found: list[Tensor] = []
    _collect(tree, found)
    return found


def _collect(tree: Tree, found: list[Tensor]) -> None:
    # Without names and generators: a step of a large network does this for hundreds of frames.
    if isinstance(tree, Tensor):
        found.append(tree)
        return
    for child in unpacked(tree):
        _collect(child, found)


def unflatten(like: T, flat: list[Tensor]) -> T:
    """The tree of the structure of `like` with the leaves `flat` (in the order of `leaves`)."""
    remaining = iter(flat)
    try:
        tree = _arrange(like, remaining)
    except StopIteration:
        tree = None
    if tree is None or next(remaining, None) is not None:
        raise ValueError(f"{len(flat)} tensors given, the state has {len(leaves(like))} leaves")
    return tree


def _arrange(like: T, remaining: Iterator[Tensor]) -> T:
    if isinstance(like, Tensor):
        return next(remaining)  # type: ignore[return-value]
    like = unpacked(like)
    if not like:
        return like  # an empty tuple, as most layers have
    parts = [_arrange(child, remaining) for child in like]  # type: ignore[attr-defined]
    return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)  # type: ignore[call-arg]


def state_bytes(tree: Tree) -> int:
    """Bytes of the leaves (not of the rest of their storage), or of a packed layout."""
    if isinstance(tree, PackedState):
        return sum(tensor.nbytes for tensor in tree.tensors)
    return tree.nbytes if isinstance(tree, Tensor) else sum(map(state_bytes, tree))


def take_rows(tree: T, rows: Tensor) -> T:
    """The streams `rows` (N,) int64 of a state, as a state of batch size N."""
    return tree_map(lambda leaf: leaf.index_select(0, rows), tree)


def put_rows(tree: T, rows: Tensor, values: T) -> T:
    """A state in which the streams `rows` (N,) are replaced by those of `values` (batch size N)."""

    def put(leaf: Tensor, value: Tensor) -> Tensor:
        if leaf.shape[1:] != value.shape[1:]:
            shapes = f"{tuple(leaf.shape[1:])} and {tuple(value.shape[1:])}"
            raise ValueError(f"streams of different networks: leaves of {shapes}. Do they come from the same network?")
        return leaf.index_copy(0, rows, value)

    return tree_map(put, tree, values)


def reset_rows(tree: T, mask: Tensor) -> T:
    """A state in which the streams where `mask` (B,) bool is true start afresh. Fresh means zero in every leaf."""
    return tree_map(
        lambda leaf: torch.where(mask.view(-1, *[1] * (leaf.dim() - 1)), torch.zeros_like(leaf), leaf), tree
    )


def join_rows(trees: Sequence[T]) -> T:
    """The streams of several states as one batch, in the order given."""
    if not trees:
        raise ValueError("no states to join: give at least one")
    return tree_map(lambda *parts: torch.cat(parts), trees[0], *trees[1:])


def split_rows(tree: T, sizes: int | Sequence[int] = 1) -> list[T]:
    """A state as several, of `sizes` streams each (the last of an int may be smaller): the inverse of `join_rows`."""
    parts = [leaf.split(sizes if isinstance(sizes, int) else list(sizes)) for leaf in leaves(tree)]
    # Views would keep the whole batch alive for the sake of one stream.
    return [unflatten(tree, [part.clone() for part in rows]) for rows in zip(*parts, strict=True)]


def to(tree: T, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> T:
    """A state on another device, or with frames of another precision; whole numbers and truths stay what they are.

    Frames are converted as `Tensor.to` does. What is there already is shared, not copied.
    """
    if dtype is not None and not dtype.is_floating_point:
        raise ValueError(
            f"frames of a state are floating point, got {dtype}: one of float64, float32, float16, bfloat16"
        )
    return tree_map(lambda leaf: leaf.to(device=device, dtype=dtype if leaf.is_floating_point() else None), tree)


def save(tree: Tree, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
    """Write a state to a safetensors file, one tensor per leaf under its name of `named_leaves`.

    The file appears whole or not at all: an interrupted `save` leaves the earlier file as it was. `metadata` holds
    strings of the caller's, such as the network's name; `read_metadata` gives them back.
    """
    from safetensors.torch import save as to_bytes

    tensors = {name: leaf.detach().cpu().contiguous().clone() for name, leaf in named_leaves(tree)}
    write_files({Path(path): to_bytes(tensors, metadata={**(metadata or {}), **FORMAT})})


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together, whole or not at all, as readable as the user's umask says.

    All are written beside their places before the first one is renamed: after an error the earlier files are as they
    were. (The writer of safetensors makes files that only their owner can read.)

    Raises:
        OSError: names the file that could not be written, also where the disk is full.
    """
    unfinished = {path: path.with_name(f".{path.name}.{secrets.token_hex(4)}") for path in contents}
    try:
        for path, content in contents.items():
            try:
                with unfinished[path].open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        for path, part in unfinished.items():
            os.replace(part, path)
    finally:
        for part in unfinished.values():
            part.unlink(missing_ok=True)


def load(path: str | os.PathLike[str], like: T) -> T:
    """The state that `save` wrote, in the structure and on the devices of `like`, with the file's number of streams.

    `like` is any state of the same network, such as `layer.init_state(1, frame_shape)`.

    Raises:
        ValueError: where the file is not whole, not written by `save`, or of another network.
        FileNotFoundError: where there is none.
    """
    tensors, _ = _read(path)
    wanted = dict(named_leaves(like))
    if tensors.keys() != wanted.keys():
        unmatched = sorted(tensors.keys() ^ wanted.keys())
        raise ValueError(f"{path} holds the state of another network: leaves of only one of them: {unmatched[:5]}")
    for name, leaf in wanted.items():
        found = tensors[name]
        if found.shape[1:] != leaf.shape[1:] or found.dtype != leaf.dtype:
            raise ValueError(
                f"{path}: {name} is {found.dtype} of {tuple(found.shape[1:])} per stream, the network has {leaf.dtype} "
                f"of {tuple(leaf.shape[1:])}. Was it saved with another network, frame size or precision?"
            )
    if len({len(leaf) for leaf in tensors.values()}) > 1:
        raise ValueError(f"{path}: its leaves have different numbers of streams; a state has one")
    return unflatten(like, [tensors[name].to(leaf.device) for name, leaf in wanted.items()])


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata that was given to `save`; errors as of `load`."""
    return {key: value for key, value in _read(path)[1].items() if key not in FORMAT}


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}). Was it copied only half?") from error
    if any(metadata.get(key) != value for key, value in FORMAT.items()):
        raise ValueError(
            f"{path} was not written by co_perception.continual.state.save in format {FORMAT['format_version']}: "
            f"expected metadata {FORMAT}, got {metadata}. Weights are loaded with load_state_dict"
        )
    return tensors, metadata
