"""State is a value: an immutable tree of tensors that a layer takes and returns.

A tree is a tensor, or a (named) tuple of trees. Every tensor has the streams of the batch on axis 0, so that streams
are gathered, replaced and reset with one line each, and a snapshot is an assignment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

# A recursive alias is not expressible for NamedTuples; leaves are tensors, everything else is a tuple.
Tree = Any
T = TypeVar("T")


class State(NamedTuple):
    """State of a streaming module.

    age: (B,) int64, frames that each stream has been given.
    layers: tree of past frames, as `Streaming.init_history` lays it out.
    """

    age: Tensor
    layers: Tree


def tree_map(function: Callable[..., Tensor], tree: T, *others: T) -> T:
    """Apply `function` to corresponding leaves of trees of one structure, giving a tree of that structure."""
    if isinstance(tree, Tensor):
        return function(tree, *others)  # type: ignore[return-value]
    if not isinstance(tree, tuple):
        raise ValueError(f"a state is made of tensors and tuples, got {type(tree).__name__}")
    for other in others:
        if not isinstance(other, tuple) or len(other) != len(tree):
            raise ValueError(
                f"states of different structure: {_describe(tree)} and {_describe(other)}. Do they come from the "
                "same network?"
            )
    parts = [tree_map(function, *children) for children in zip(tree, *others, strict=True)]
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def named_leaves(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of each leaf, names such as `layers.0.2`, in a fixed order."""
    if isinstance(tree, Tensor):
        yield prefix, tree
        return
    names = getattr(tree, "_fields", None) or [str(i) for i in range(len(tree))]
    for name, child in zip(names, tree, strict=True):
        yield from named_leaves(child, f"{prefix}.{name}" if prefix else name)


def leaves(tree: Tree) -> list[Tensor]:
    """The tensors of a tree in a fixed order."""
    return [leaf for _, leaf in named_leaves(tree)]


def unflatten(like: T, flat: list[Tensor]) -> T:
    """The tree of the structure of `like` with the leaves `flat` (in the order of `leaves`)."""
    remaining = iter(flat)
    tree = tree_map(lambda _: next(remaining), like)
    if next(remaining, None) is not None:
        raise ValueError(f"{len(flat)} tensors given, the state has {len(leaves(like))} leaves")
    return tree


def state_bytes(tree: Tree) -> int:
    """Bytes that the leaves describe (not what else their storage may hold)."""
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves(tree))


def take_rows(tree: T, rows: Tensor) -> T:
    """The streams `rows` (N,) int64 of a state, as a state of batch size N."""
    return tree_map(lambda leaf: leaf.index_select(0, rows), tree)


def put_rows(tree: T, rows: Tensor, values: T) -> T:
    """A state in which the streams `rows` (N,) are replaced by those of `values` (batch size N)."""
    return tree_map(lambda leaf, value: leaf.index_copy(0, rows, value), tree, values)


def reset_rows(tree: T, mask: Tensor) -> T:
    """A state in which the streams where `mask` (B,) bool is true start afresh. Fresh means zero in every leaf."""
    return tree_map(
        lambda leaf: torch.where(mask.view(-1, *[1] * (leaf.dim() - 1)), torch.zeros_like(leaf), leaf), tree
    )


def _describe(tree: Tree) -> str:
    return f"{type(tree).__name__} of {len(tree)}" if isinstance(tree, tuple) else type(tree).__name__
