"""Layer by layer the same answers as continual-inference 1.2.4, wherever that library is right.

Where it is not (dilated and bordered pools, group norm, conditionals), test_reference_defects_layers.py compares with
torch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import continual
import pytest
import torch
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import stream_clip

FRAMES = 24


def shrunk(lib: Any, align: str) -> Any:
    names = {"centered": True, "lagging": "lagging", "leading": "leading"}
    setting = {"residual_shrink": names[align]} if lib is continual else {"align": align}
    return lib.Residual(lib.Conv1d(2, 2, 5), **setting)


def branches(lib: Any, reduce: str) -> Any:
    return lib.BroadcastReduce(lib.Conv1d(2, 2, 5, padding=2), lib.Conv1d(2, 2, 3, padding=1), reduce=reduce)


CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "Conv1d": (lambda lib: lib.Conv1d(2, 3, 5, padding=2), ()),
    "Conv1d unpadded": (lambda lib: lib.Conv1d(2, 3, 4), ()),
    "Conv1d stride": (lambda lib: lib.Conv1d(2, 3, 3, stride=2, padding=1), ()),
    "Conv2d": (lambda lib: lib.Conv2d(2, 3, (9, 1), padding=(4, 0)), (5,)),
    "Conv3d": (lambda lib: lib.Conv3d(2, 4, 3, padding=1, groups=2, bias=False), (4, 5)),
    "Conv3d spatial stride": (lambda lib: lib.Conv3d(2, 4, 3, padding=1, stride=(1, 2, 2)), (4, 5)),
    "AvgPool1d": (lambda lib: lib.AvgPool1d(4, stride=1), ()),
    "AvgPool2d": (lambda lib: lib.AvgPool2d((3, 2), stride=1), (5,)),
    "AvgPool3d": (lambda lib: lib.AvgPool3d((2, 3, 3), stride=1), (6, 6)),
    "MaxPool1d": (lambda lib: lib.MaxPool1d(4, stride=1), ()),
    "MaxPool2d": (lambda lib: lib.MaxPool2d((3, 2), stride=1), (5,)),
    "MaxPool3d": (lambda lib: lib.MaxPool3d((2, 3, 3), stride=1), (6, 6)),
    "AdaptiveAvgPool2d": (lambda lib: lib.AdaptiveAvgPool2d((1, 2), kernel_size=FRAMES), (5,)),
    "AdaptiveAvgPool3d": (lambda lib: lib.AdaptiveAvgPool3d((1, 1, 1), kernel_size=FRAMES), (4, 5)),
    "AdaptiveMaxPool2d": (lambda lib: lib.AdaptiveMaxPool2d((1, 2), kernel_size=FRAMES), (5,)),
    "AdaptiveMaxPool3d": (lambda lib: lib.AdaptiveMaxPool3d((1, 2, 1), kernel_size=FRAMES), (4, 5)),
    "Linear": (lambda lib: lib.Linear(2, 3, **({"channel_dim": 1} if lib is continual else {})), (4,)),
    "Add": (lambda lib: lib.Add(2.5), ()),
    "Multiply": (lambda lib: lib.Multiply(2.5), (3,)),
    "Constant": (lambda lib: lib.Constant(2.5), (3,)),
    "Lambda": (lambda lib: lib.Lambda(torch.sigmoid), (3,)),
    "Delay": (lambda lib: lib.Sequential(lib.Delay(3), lib.Conv1d(2, 2, 3, padding=1)), ()),
    "Residual": (lambda lib: lib.Residual(lib.Conv1d(2, 2, 5, padding=2)), ()),
    **{f"Residual {align}": (partial(shrunk, align=align), ()) for align in ("lagging", "leading", "centered")},
    **{f"BroadcastReduce {name}": (partial(branches, reduce=name), ()) for name in ("sum", "concat", "mul", "max")},
    "Broadcast, Parallel, Reduce": (
        lambda lib: lib.Sequential(
            lib.Broadcast(2), lib.Parallel(lib.Conv1d(2, 2, 5, padding=2), lib.Conv1d(2, 2, 1)), lib.Reduce("sum")
        ),
        (),
    ),
    "Sequential": (
        lambda lib: lib.Sequential(
            lib.Conv1d(2, 3, 3, padding=1), nn.BatchNorm1d(3), nn.ReLU(), lib.Conv1d(3, 2, 5, stride=2, padding=2)
        ),
        (),
    ),
}
RECURRENT = ["RNN", "LSTM", "GRU"]


def pair(make: Callable[[Any], Any]) -> tuple[co.Streaming, Any]:
    """Both libraries' network with the same weights, in the order in which they have them."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = make(co), make(continual)
    mine = ours.state_dict()
    values = theirs.state_dict().values()
    ours.load_state_dict(dict(zip(mine, values, strict=True)))
    return ours.double().eval(), theirs.double().eval()


@pytest.mark.parametrize("name", list(CASES))
def test_same_clip_same_stream(name: str) -> None:
    make, space = CASES[name]
    ours, theirs = pair(make)
    x = torch.randn(2, 2, FRAMES, *space, dtype=torch.float64)
    with torch.no_grad():
        wanted = theirs.forward(x)
        torch.testing.assert_close(ours.clip(x), wanted)
        got = stream_clip(ours, x, ours.timing.stride)
        torch.testing.assert_close(got, wanted)
        if name not in ("Residual lagging", "Residual centered"):  # whose forward_steps fails
            theirs.clean_state()
            torch.testing.assert_close(got, theirs.forward_steps(x, pad_end=True))


@pytest.mark.parametrize("name", [name for name in CASES if "tride" not in name and name != "Sequential"])
def test_same_answers_step_by_step(name: str) -> None:
    make, space = CASES[name]
    ours, theirs = pair(make)
    x = torch.randn(2, 2, FRAMES, *space, dtype=torch.float64)
    with torch.no_grad():
        theirs.clean_state()
        wanted = [y for frame in x.unbind(2) if isinstance(y := theirs.forward_step(frame), Tensor)]
        got, state = [], ours.init_state(2, (2, *space), dtype=x.dtype)
        for frame in x.split(1, dim=2):
            real = ours.output_index(state, 1)[0, 0] >= 0
            y, state = ours(frame, state)
            got += [y.squeeze(2)] if real else []
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", RECURRENT)
def test_same_recurrences(kind: str, layers: int) -> None:
    ours, theirs = pair(lambda lib: getattr(lib, kind)(2, 3, num_layers=layers))
    x = torch.randn(2, 2, FRAMES, dtype=torch.float64)
    with torch.no_grad():
        got = stream_clip(ours, x, 1)
        theirs.clean_state()
        steps = torch.stack([theirs.forward_step(frame) for frame in x.unbind(2)], 2)
    torch.testing.assert_close(got, steps)


def test_same_receptive_fields_and_delays() -> None:
    for name, (make, _) in CASES.items():
        if name != "Delay":  # which counts its waiting as receptive field
            ours, theirs = pair(make)
            assert (ours.receptive_field, ours.delay) == (theirs.receptive_field, theirs.delay), name
