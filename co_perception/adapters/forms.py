"""Forms of adapters: changes of a frozen weight W by few learned numbers, as parametrizations of torch.

    SPLoRA   W' = W + B A                           r (|out| + |in|) numbers; after LoRA (Hu et al., arXiv:2106.09685)
    SPPaRA   W' = W + D                             |out| |in|
    SPLoPA   W' = (W + sum_i C_i (x) p_i q_i^T) M   n per block that stays, and the prototypes p, q once per network

All three are of "Structured Pruning Adapters" (Hedegaard et al., arXiv:2211.10155) and fuse with W after training.
(x) is the Kronecker product, M retains or removes whole blocks. Only the center tap of a convolution's kernel changes,
which takes odd sides of any lengths (the authors' code wants equal ones). Every form shrinks with its weight: `shrunk`
gives it for the rows and columns that stay.

|in| is that of the weight: for a depthwise convolution 1, so that B A is a number per channel and more than rank 1
would be numbers without effect. The rank is therefore at most that of a matrix of these sizes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from typing_extensions import Self

START = 1e-4  # how far from the source a fresh adapter may be, per entry of what starts there


class AdapterForm(nn.Module):
    """A change of one weight (out, in, *kernel). `forward` is the parametrization; parameters are what is learned."""

    def shrunk(self, rows: Tensor, columns: Tensor) -> AdapterForm:
        """The same change of W[rows][:, columns]."""
        raise NotImplementedError

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Self:
        """A form with these numbers: parameters, and buffers where they are no floating point."""
        made = cls.__new__(cls)
        nn.Module.__init__(made)
        for name, value in tensors.items():
            if value.is_floating_point():
                made.register_parameter(name, nn.Parameter(value.detach().clone()))
            else:
                made.register_buffer(name, value.clone())
        return made

    @property
    def learned(self) -> int:
        """Numbers that are learned here, the prototypes that forms share apart."""
        return sum(parameter.numel() for parameter in self.parameters())


class LowRank(AdapterForm):
    """SPLoRA: B A of rank r. B (out, r) begins within 1e-4 of zero, A (parts, r, in) Kaiming uniform.

    parts: rows of each matrix that is stacked in W, as queries, keys and values are in an attention's input projection;
    each has its own A. rank: a number, or a share of the output channels below 1.
    """

    def __init__(self, weight: Tensor, rank: float, parts: Sequence[int] = ()) -> None:
        super().__init__()
        outputs, inputs = matrix_shape(weight)
        self.parts = tuple(parts) or (outputs,)
        rank = rank_of(rank, min(self.parts), inputs)
        self.B = nn.Parameter(weight.new_empty(outputs, rank).uniform_(-START, START))
        self.A = nn.Parameter(weight.new_empty(len(self.parts), rank, inputs))
        for factor in self.A:
            nn.init.kaiming_uniform_(factor, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        factors = zip(self.B.split(self.parts), self.A, strict=True)
        return weight + at_center(torch.cat([b @ a for b, a in factors]), weight.shape)

    def shrunk(self, rows: Tensor, columns: Tensor) -> LowRank:
        small = self.of({"B": self.B[rows], "A": self.A[:, :, columns]})
        bounds = torch.tensor(self.parts).cumsum(0)
        whose = torch.bucketize(rows.cpu(), bounds, right=True)
        small.parts = tuple(torch.bincount(whose, minlength=len(bounds)).tolist())
        return small

    def extra_repr(self) -> str:
        return f"rank={self.B.shape[1]}, parts={self.parts}"


class CenterTap(AdapterForm):
    """SPPaRA: a whole matrix D (out, in), which begins within 1e-4 of zero. For convolutions it is a residual 1x1."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.D = nn.Parameter(weight.new_empty(matrix_shape(weight)).uniform_(-START, START))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + at_center(self.D, weight.shape)

    def shrunk(self, rows: Tensor, columns: Tensor) -> CenterTap:
        return self.of({"D": self.D[rows][:, columns]})


class Prototypes(nn.Module):
    """What the SPLoPA forms of one network share: n matrices p_i q_i^T of size x size.

    They belong to the network that made them and are given to each form. There is no registry: two networks share
    prototypes only if they are given the same object.
    """

    def __init__(
        self, count: int = 64, size: int = 32, rank: int = 1, *, device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if min(count, size, rank) < 1:
            raise ValueError(f"prototypes have a count, a size and a rank of at least 1, got {count}, {size}, {rank}")
        # The size of an entry of p q^T then does not depend on the rank or the size of the block.
        shape, bound = (count, size, rank), (3 / (size * rank)) ** 0.25
        self.p = nn.Parameter(torch.empty(shape, device=device, dtype=dtype).uniform_(-bound, bound))
        self.q = nn.Parameter(torch.empty(shape, device=device, dtype=dtype).uniform_(-bound, bound))

    @property
    def size(self) -> int:
        """Side of a block."""
        return self.p.shape[1]

    def forward(self) -> Tensor:
        """(n, size, size)."""
        return self.p @ self.q.transpose(1, 2)


class Blocks(AdapterForm):
    """SPLoPA: C (n, out / size, in / size) says how much of each prototype every block takes; C begins within 1e-4 of
    zero. stays (out / size, in / size): whether a block of W' is retained or zero.

    The last row and column of blocks reach beyond a weight whose sides are no multiples of the size; that part is cut.
    """

    stays: Tensor
    prototypes: Prototypes

    def __init__(self, weight: Tensor, prototypes: Prototypes) -> None:
        super().__init__()
        grid = [math.ceil(side / prototypes.size) for side in matrix_shape(weight)]
        self.C = nn.Parameter(weight.new_empty(len(prototypes.p), *grid).uniform_(-START, START))
        self.register_buffer("stays", torch.ones(grid, dtype=torch.bool, device=weight.device))
        # Not a child: the prototypes are learned, moved and saved once, by their owner.
        self.__dict__["prototypes"] = prototypes

    def forward(self, weight: Tensor) -> Tensor:
        outputs, inputs = matrix_shape(weight)
        change = torch.einsum("nij,nab->iajb", self.C, self.prototypes()).flatten(2, 3).flatten(0, 1)
        mask = self.stays.repeat_interleave(self.prototypes.size, 0).repeat_interleave(self.prototypes.size, 1)
        mask = mask[:outputs, :inputs].to(weight.dtype)
        changed = weight + at_center(change[:outputs, :inputs], weight.shape)
        return changed * mask.reshape(*mask.shape, *[1] * (weight.dim() - 2))

    @property
    def learned(self) -> int:
        """n per block that stays."""
        return len(self.C) * int(self.stays.sum())

    def shrunk(self, rows: Tensor, columns: Tensor) -> Blocks:
        raise ValueError(
            "blocks have their place in the whole weight: prune blocks (`stays`) with splopa, and channels with splora "
            "or sppara"
        )


def matrix_shape(weight: Tensor) -> tuple[int, int]:
    """(out, in) of a weight (out, in, *kernel). Raises: ValueError for a kernel without a center."""
    if weight.dim() < 2 or any(side % 2 == 0 for side in weight.shape[2:]):
        raise ValueError(
            f"expected a weight (out, in, *kernel) whose kernel has odd sides, got {tuple(weight.shape)}: an even one "
            "has no center tap to adapt. Leave this layer out, or pad its kernel by one"
        )
    return weight.shape[0], weight.shape[1]


def rank_of(rank: float, outputs: int, inputs: int) -> int:
    """A rank or a share of the output channels as a number from 1 to what a matrix of these sizes can have."""
    if isinstance(rank, float) and not 0 < rank < 1 or isinstance(rank, int) and rank < 1:
        raise ValueError(f"rank is a whole number from 1, or a share of the output channels below 1, got {rank!r}")
    wanted = rank if isinstance(rank, int) else max(1, round(rank * outputs))
    return min(wanted, outputs, inputs)


def at_center(change: Tensor, shape: Sequence[int]) -> Tensor:
    """change (out, in) as the center tap of zeros of `shape`."""
    pads = [pad for side in reversed(shape[2:]) for pad in (side // 2, side // 2)]
    return F.pad(change.reshape(*change.shape, *[1] * (len(shape) - 2)), pads)
