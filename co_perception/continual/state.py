"""State of a stream of torch's tensors. The trees themselves, and how they are saved, are in `engine.state_tree`.

Importing this file makes tensors known there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from co_perception.engine.array_library import Array, ArrayLibrary, add_library
from co_perception.engine.state_tree import (
    PackedState,
    State,
    Tree,
    join_rows,
    leaves,
    load,
    named_leaves,
    put_rows,
    read_metadata,
    save,
    state_bytes,
    take_rows,
    tree_map,
    unflatten,
    unpacked,
)

__all__ = [
    "PackedState", "State", "Tree", "join_rows", "leaves", "load", "named_leaves", "put_rows", "read_metadata",
    "reset_rows", "save", "split_rows", "state_bytes", "take_rows", "to", "tree_map", "unflatten", "unpacked",
]  # fmt: skip
T = TypeVar("T")


class TorchLibrary(ArrayLibrary):
    """torch's tensors."""

    framework = "pt"

    def owns(self, array: Array) -> bool:
        return isinstance(array, Tensor)

    def index(self, rows: Sequence[int], like: Array) -> Array:
        return torch.tensor(rows, dtype=torch.int64, device=like.device)

    def take(self, array: Array, rows: Array) -> Array:
        return array.index_select(0, rows)

    def put(self, array: Array, rows: Array, values: Array) -> Array:
        return array.index_copy(0, rows, values)

    def join(self, arrays: Sequence[Array]) -> Array:
        return torch.cat(list(arrays))

    def stack(self, arrays: Sequence[Array]) -> Array:
        return torch.stack(list(arrays))

    def copy(self, array: Array) -> Array:
        return array.clone()

    def adopt(self, array: Array, like: Array) -> Array:
        return _tensor(array).to(like.device)

    def zeros(self, shape: Sequence[int], like: Array) -> Array:
        return torch.zeros(tuple(shape), device=like.device)

    def to_bytes(self, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
        from safetensors.torch import save as to_bytes

        tensors = {name: _tensor(array).detach().cpu().contiguous().clone() for name, array in arrays.items()}
        return to_bytes(tensors, metadata=dict(metadata))


def _tensor(array: Array) -> Tensor:
    # A copy of NumPy's, which may be read-only memory.
    return array if isinstance(array, Tensor) else torch.from_numpy(array.copy())


add_library(TorchLibrary())


def reset_rows(tree: T, mask: Tensor) -> T:
    """A state in which the streams where `mask` (B,) bool is true start afresh. Fresh means zero in every leaf."""
    return tree_map(
        lambda leaf: torch.where(mask.view(-1, *[1] * (leaf.dim() - 1)), torch.zeros_like(leaf), leaf), tree
    )


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
