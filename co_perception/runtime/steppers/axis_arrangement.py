"""How the axes of a tensor are made of the axes of another one by reshapes and transposes alone.

The axes of the other tensor are cut into factors, and each axis of the tensor is a list of factors, the outermost first
(as in einops: Rogozhnikov, "Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation", ICLR 2022).
Axes of size 1 have no factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import prod

Axes = tuple[tuple[int, ...], ...]


class NoArrangementError(ValueError):
    """A reshape that cuts across factors, so that it needs the numbers in their new order."""


@dataclass(frozen=True)
class Arrangement:
    """The axes of a tensor in factors of its source.

    Attributes:
        sizes: of the source's factors, in the order of its memory.
        axes: numbers of the factors of each axis of the tensor.
    """

    sizes: tuple[int, ...]
    axes: Axes

    @staticmethod
    def of(shape: Sequence[int]) -> Arrangement:
        """A tensor as it is."""
        sizes = tuple(size for size in shape if size != 1)
        numbers = iter(range(len(sizes)))
        return Arrangement(sizes, tuple(() if size == 1 else (next(numbers),) for size in shape))

    @property
    def order(self) -> tuple[int, ...]:
        """All factors in the order of the tensor's memory."""
        return tuple(factor for axis in self.axes for factor in axis)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return tuple(prod(self.sizes[factor] for factor in axis) for axis in self.axes)

    @property
    def in_order(self) -> bool:
        """Whether the tensor is a reshape of its source."""
        return self.order == tuple(range(len(self.sizes)))

    def permuted(self, axes: Sequence[int]) -> Arrangement:
        """After `Tensor.permute`."""
        return replace(self, axes=tuple(self.axes[axis] for axis in axes))

    def viewed(self, shape: Sequence[int], whole: int | None = None) -> Arrangement:
        """After `Tensor.reshape` to the shape.

        Args:
            shape: without -1.
            whole: a factor that may not be cut.

        Raises:
            NoArrangementError: it is none.
        """
        sizes, order, axes, at = list(self.sizes), list(self.order), list[tuple[int, ...]](), 0
        for size in shape:
            axis: list[int] = []
            while size > 1:
                if at == len(order):
                    raise NoArrangementError(f"{self.shape} has too few numbers for {tuple(shape)}")
                factor = order[at]
                if size < sizes[factor]:
                    if sizes[factor] % size or factor == whole:
                        raise NoArrangementError(f"{tuple(shape)} cuts across the axes of {self.shape}")
                    sizes[factor : factor + 1] = [size, sizes[factor] // size]
                    order = [each + (each > factor) for each in order]
                    order.insert(at + 1, factor + 1)
                    axes = [tuple(each + (each > factor) for each in known) for known in axes]
                    axis = [each + (each > factor) for each in axis]
                    whole = whole + (whole > factor) if whole is not None else None
                if size % sizes[factor]:
                    raise NoArrangementError(f"{tuple(shape)} cuts across the axes of {self.shape}")
                size //= sizes[factor]
                axis.append(factor)
                at += 1
            axes.append(tuple(axis))
        return Arrangement(tuple(sizes), tuple(axes))

    def laid_like(self, other: Arrangement, shape: Sequence[int]) -> Arrangement:
        """The same tensor, of the other's shape, as the other's source of this shape lies in memory.

        Raises:
            NoArrangementError: the factors of the two do not meet.
        """
        order = other.order
        apart = self.viewed([other.sizes[factor] for factor in order])
        return apart.permuted([order.index(factor) for factor in range(len(order))]).viewed(shape)

    def with_axis(self, axis: int, size: int) -> Arrangement:
        """With a new axis, which is the innermost factor of the source."""
        made = (len(self.sizes),) if size != 1 else ()
        return Arrangement((*self.sizes, *([size] if size != 1 else [])), (*self.axes[:axis], made, *self.axes[axis:]))

    def resized(self, factor: int, size: int) -> Arrangement:
        """With another size of a factor, of more than 1."""
        return replace(self, sizes=(*self.sizes[:factor], size, *self.sizes[factor + 1 :]))

    def without(self, axis: int, factor: int | None) -> Arrangement:
        """Without an axis, which is one factor, and without that."""
        axes = (*self.axes[:axis], *self.axes[axis + 1 :])
        if factor is None:
            return replace(self, axes=axes)
        fewer = tuple(tuple(each - (each > factor) for each in known) for known in axes)
        return Arrangement((*self.sizes[:factor], *self.sizes[factor + 1 :]), fewer)

    def moved(self, factor: int, to: int) -> Arrangement:
        """With a factor at another place in the source."""
        numbers = [each for each in range(len(self.sizes)) if each != factor]
        numbers.insert(to, factor)
        new = {old: place for place, old in enumerate(numbers)}
        sizes = tuple(self.sizes[old] for old in numbers)
        return Arrangement(sizes, tuple(tuple(new[each] for each in axis) for axis in self.axes))

    def axis_of(self, factor: int, shape: Sequence[int]) -> int | None:
        """The axis of the source, which has this shape, that is the factor; None where there is none."""
        starts = [1, *accumulate(shape, lambda x, y: x * y)]
        before = prod(self.sizes[:factor])
        return next(
            (axis for axis, size in enumerate(shape) if starts[axis] == before and size == self.sizes[factor]), None
        )

    def steps(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The reshape of the source and the permutation of it that have the tensor's memory, with the fewest axes."""
        runs: list[list[int]] = []
        for factor in self.order:
            if runs and runs[-1][-1] + 1 == factor:
                runs[-1].append(factor)
            else:
                runs.append([factor])
        in_memory = sorted(runs)
        shape = tuple(prod(self.sizes[factor] for factor in run) for run in in_memory)
        return shape, tuple(in_memory.index(run) for run in runs)
