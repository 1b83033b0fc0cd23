"""Changes of weights against sums written out, and what they cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from co_perception.adapters.forms import Blocks, CenterTap, LowRank, Prototypes, rank_of

SHAPES = [(6, 4), (6, 4, 3), (6, 4, 1, 1), (6, 4, 5, 1), (6, 4, 1, 3, 5), (6, 1, 3, 3, 3)]


def weight(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_low_rank_change_is_added_to_the_center_tap_alone(shape: tuple[int, ...]) -> None:
    w, form = weight(*shape), LowRank(weight(*shape), 2)
    form.B.data.normal_()
    expected = w.clone()
    center = tuple(side // 2 for side in shape[2:])
    for out in range(shape[0]):
        for inp in range(shape[1]):
            expected[(out, inp, *center)] += sum(form.B[out, r] * form.A[0, r, inp] for r in range(form.B.shape[1]))
    torch.testing.assert_close(form(w), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rank", [1, 3])
def test_learned_numbers_are_rank_times_both_sides_before_and_after_pruning(shape: tuple[int, ...], rank: int) -> None:
    form, r = LowRank(weight(*shape), rank), min(rank, shape[1])
    assert form.learned == r * (shape[0] + shape[1])
    small = form.shrunk(torch.tensor([0, 2, 5]), torch.arange(shape[1])[1::2] if shape[1] > 1 else torch.tensor([0]))
    assert small.learned == r * (3 + max(shape[1] // 2, 1))


def test_a_depthwise_kernel_takes_one_number_a_channel_and_a_common_factor() -> None:
    form = LowRank(weight(6, 1, 3, 3, 3), rank=8)
    assert form.learned == 6 + 1
    change = form(torch.zeros(6, 1, 3, 3, 3, dtype=torch.float64))
    assert torch.linalg.matrix_rank(change[:, :, 1, 1, 1]) == 1


def test_stacked_projections_have_a_change_each() -> None:
    form = LowRank(weight(12, 6), 2, parts=(3, 3, 6))
    form.B.data.normal_()
    change = form(torch.zeros(12, 6, dtype=torch.float64))
    expected = torch.cat([form.B[:3] @ form.A[0], form.B[3:6] @ form.A[1], form.B[6:] @ form.A[2]])
    torch.testing.assert_close(change, expected)
    assert form.learned == 2 * (12 + 3 * 6)
    rows = torch.tensor([1, 2, 4, 6, 7, 11])  # of the first two, one, and three rows
    small = form.shrunk(rows, torch.tensor([0, 5]))
    assert small.parts == (2, 1, 3) and small.learned == 2 * (6 + 3 * 2)
    torch.testing.assert_close(small(torch.zeros(6, 2, dtype=torch.float64)), expected[rows][:, [0, 5]])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["splora", "sppara"])
def test_a_shrunk_change_is_the_change_of_the_shrunk_weight(shape: tuple[int, ...], kind: str) -> None:
    w = weight(*shape)
    form: LowRank | CenterTap = LowRank(w, 2) if kind == "splora" else CenterTap(w)
    rows, columns = torch.tensor([1, 4]), torch.tensor([0, 3]) if shape[1] > 1 else torch.tensor([0])
    torch.testing.assert_close(form.shrunk(rows, columns)(w[rows][:, columns]), form(w)[rows][:, columns])


def test_a_whole_center_tap_is_a_convolution_beside() -> None:
    w, x = weight(6, 4, 3), weight(2, 4, 9)
    form = CenterTap(w)
    assert form.learned == 24
    beside = torch.nn.functional.conv1d(x, form.D[:, :, None])
    torch.testing.assert_close(
        torch.nn.functional.conv1d(x, form(w), padding=1), torch.nn.functional.conv1d(x, w, padding=1) + beside
    )


def test_blocks_are_kronecker_products_cut_to_the_weight() -> None:
    prototypes = Prototypes(3, 4, 2, dtype=torch.float64)
    w = weight(6, 10)
    form = Blocks(w, prototypes)
    form.C.data.normal_()
    each = [torch.kron(c, p @ q.T) for c, p, q in zip(form.C, prototypes.p, prototypes.q, strict=True)]
    change = torch.stack(each).sum(0)
    torch.testing.assert_close(form(w), w + change[:6, :10])
    assert form.learned == 3 * 2 * 3
    form.stays[1, 2] = False
    assert form.learned == 3 * 5 and not form(w)[4:, 8:].any() and form(w)[:4].any()


def test_a_fresh_adapter_is_the_source_to_within_its_start() -> None:
    w = weight(64, 32, 3)
    for form in (LowRank(w, 8), CenterTap(w), Blocks(w, Prototypes(8, 16, dtype=torch.float64))):
        assert 0 < (form(w) - w).abs().max() < 64e-4


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_an_adapter_is_where_its_weight_is_and_of_its_kind(kind: torch.dtype, device: str) -> None:
    w = torch.empty(8, 8, 3, dtype=kind, device=device)
    prototypes = Prototypes(2, 4, device=device, dtype=kind)
    for form in (LowRank(w, 2), CenterTap(w), Blocks(w, prototypes)):
        assert {(p.device.type, p.dtype) for p in form.parameters()} == {(device, kind)}
        changed = form(w)
        assert (changed.device.type, changed.dtype, changed.shape) == (device, kind, w.shape)


def test_prototypes_belong_to_whoever_made_them() -> None:
    ours, theirs = Prototypes(2, 4), Prototypes(2, 4)
    w = torch.randn(8, 8)
    one, other = Blocks(w, ours), Blocks(w, theirs)
    before = other(w).clone()
    ours.p.data.add_(1)
    assert one.prototypes is ours and other.prototypes is theirs
    torch.testing.assert_close(other(w), before, rtol=0, atol=0)
    assert {name for name, _ in one.named_parameters()} == {"C"}  # the owner trains, moves and saves the others


def test_a_rank_may_be_a_share_of_the_outputs() -> None:
    assert rank_of(0.25, 64, 32) == 16 and rank_of(0.001, 64, 32) == 1 and rank_of(100, 64, 32) == 32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        *((lambda rank=rank: LowRank(torch.randn(4, 4), rank), "from 1, or a share") for rank in (0, -1, 0.0, 1.5)),
        (lambda: CenterTap(torch.randn(4, 4, 2)), "no center tap"),
        (lambda: Blocks(torch.randn(8, 8), Prototypes(2, 4)).shrunk(*torch.zeros(2, 1).long()), "prune blocks"),
    ],
)
def test_what_a_form_cannot_do_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
