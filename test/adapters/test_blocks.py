"""Blocks of weights that stay."""

from __future__ import annotations

import torch
from prunable import derive, frames_of, skeleton

from co_perception.adapters.attach import AdapterConfig, attach, forms, plain_state
from co_perception.adapters.blocks import set_blocks
from co_perception.adapters.file import extract
from co_perception.adapters.forms import Blocks


def pruned(density: float) -> tuple[object, dict[str, Blocks]]:
    network = skeleton()
    attach(network, AdapterConfig(method="splopa", block=16, prototypes=4))
    blocks = {name: form for name, form in forms(network).items() if isinstance(form, Blocks)}
    set_blocks(blocks, density, "magnitude", plain_state(network), {})
    return network, blocks


def test_the_share_of_blocks_that_is_said_stays_and_every_weight_keeps_one() -> None:
    _, blocks = pruned(0.3)
    total, left = (
        sum(count) for count in zip(*((f.stays.numel(), int(f.stays.sum())) for f in blocks.values()), strict=True)
    )
    assert 0.3 * total - 1 <= left <= 0.3 * total + len(blocks)
    assert all(form.stays.any() for form in blocks.values())


def test_the_strongest_blocks_stay() -> None:
    w = torch.full((32, 32), 0.1)
    w[16:, :16] = 1.0
    _, blocks = pruned(1.0)
    form = next(iter(blocks.values()))
    form.stays = torch.ones(2, 2, dtype=torch.bool)
    set_blocks({"w": form}, 0.25, "magnitude", {"w": w}, {})
    assert form.stays.tolist() == [[False, False], [True, False]]
    w[:16, 16:] = 9.0
    set_blocks({"w": form}, 0.5, "magnitude", {"w": w}, {})
    assert form.stays.tolist() == [[False, False], [True, False]]  # what is gone does not come back


def test_learned_numbers_are_those_of_blocks_that_stay_and_of_the_prototypes_once() -> None:
    source = skeleton()
    network, blocks = pruned(0.4)
    left = sum(int(form.stays.sum()) for form in blocks.values())
    adapter = extract(network, source.state_dict(), {}, AdapterConfig(method="splopa", block=16, prototypes=4))  # type: ignore[arg-type]
    assert adapter.learned == 4 * left + 2 * 4 * 16
    small = derive(source, adapter)
    x = frames_of(source, 16)
    with torch.no_grad():
        torch.testing.assert_close(small.clip(x), network.clip(x), rtol=1e-9, atol=1e-9)  # type: ignore[attr-defined]
    weight = small.get_parameter("body.layer3.sum.body.tcn.t_conv.weight")
    assert (weight.unflatten(0, (-1, 16)).unflatten(2, (-1, 16)).abs().sum((1, 3, 4, 5)) == 0).any()
