"""Contract suite for streaming layers and networks: `check_streaming(layer, frame_shape)`.

It raises AssertionError with the property that is broken, also under `python -O`. An independent torch network, which
it cannot know, is the caller's `reference` (same weights, plain padded network on a clip).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from co_perception.continual.export import export_step, named_state
from co_perception.continual.layer import TIME, Streaming
from co_perception.continual.state import State, leaves, put_rows, reset_rows, take_rows, tree_map
from co_perception.continual.timing import Clock


def check_streaming(
    layer: Streaming,
    frame_shape: tuple[int, ...],
    *,
    frames: int | None = None,
    reference: Callable[[Tensor], Tensor] | None = None,
    whole_clip: bool = False,
    tolerance: float = 1e-5,
    export: bool = True,
    gradients: bool = True,
    dtype: torch.dtype | None = None,
    seed: int = 0,
) -> None:
    """Raise AssertionError unless `layer` keeps the contract.

    Args:
        layer: put into evaluation mode while it is checked.
        frame_shape: (C, *space) of an input frame.
        frames: clip length, a multiple of the stride; by default long enough for a steady state.
        reference: the plain torch network as a function of a clip (B, C, T, *space), with an answer for each frame, or
            each `stride` frames.
        whole_clip: the reference answers once for a clip, (B, C') with or without axes of size 1, as a network does
            that was converted with `window=n`. Its answer is compared with the last one to a clip that fills the
            windows once, or to a clip of `frames`.
        tolerance: largest absolute difference, relative to the largest answer where that exceeds 1.
        export: whether an exported step is compared too, which takes a second.
        gradients: whether every parameter and the input have to have a gradient.
        dtype: of the frames; that of the parameters unless given.
        seed: of the random frames.

    Raises:
        AssertionError: names the first property that does not hold.
        ValueError: for frames in place of their shape.
    """
    if not all(isinstance(size, int) for size in frame_shape):
        raise ValueError(
            f"frame_shape is (C, *space) of one frame, without batch and time, such as (3, 17); got a "
            f"{type(frame_shape).__name__}: the frames to check with are drawn by this function"
        )
    stride = layer.timing.stride
    steps = (frames or 2 * layer.receptive_field + 4 * stride) // stride + 2
    own = next(layer.parameters(), torch.empty(0))
    x = torch.randn(
        2, frame_shape[0], steps * stride, *frame_shape[1:], generator=torch.Generator().manual_seed(seed)
    ).to(own.device, dtype or own.dtype)
    training = layer.training
    layer.eval()
    try:
        with torch.no_grad():
            expected = layer.clip(x)
            close = _Close(tolerance, expected)
            if reference is not None and whole_clip:
                _check_whole_clip(layer, x if frames is None else x[:, :, :frames], frames is None, reference, close)
            elif reference is not None:
                _check_reference(expected, reference(x), close)
            for chunk in dict.fromkeys((stride, 2 * stride, 3 * stride, steps * stride)):
                streamed = stream_clip(layer, x, chunk)
                close(streamed, expected, f"a stream in chunks of {chunk} frames, flushed, equals the clip")
            _check_unrolled(layer, x, close)
            _check_rows(layer, x, close)
            _check_causality(layer, x)
            _check_restore(layer, x)
            _check_inputs_unmodified(layer, x)
            if export:
                _check_export(layer, x, close)
        if gradients:
            _check_gradients(layer, x)
    finally:
        layer.train(training)


def stream_clip(layer: Streaming, x: Tensor, chunk: int | list[int]) -> Tensor:
    """The answers to a clip x (B, C, T, *space) streamed from a fresh state and flushed, in clip order.

    Each call takes `chunk` frames, a multiple of the stride; a list has those of one call after the other.
    """
    frame_shape = (x.shape[1], *x.shape[TIME + 1 :])
    state = layer.init_state(len(x), frame_shape, dtype=x.dtype)
    answers = []
    for part in x.split(chunk, dim=TIME):
        index = layer.output_index(state, part.shape[TIME])[0]
        y, state = layer(part, state)
        answers.append(y[:, :, index >= 0])
    y, valid = layer.flush(state, frame_shape)
    # A layer that leaves the end of a clip out has already answered for frames that turn out to be it.
    return torch.cat([*answers, y[:, :, valid[0]]], dim=TIME)[:, :, : int(layer.length(state.age)[0])]


def require(condition: bool, claim: str, details: str = "") -> None:
    """Raise AssertionError unless `condition` holds; an `assert` would check nothing under `python -O`."""
    if not condition:
        raise AssertionError(f"not true: {claim}{details}")


class _Close:
    def __init__(self, tolerance: float, expected: Tensor) -> None:
        self.bound = tolerance * max(1.0, expected.abs().max().item() if expected.numel() else 1.0)

    def __call__(self, got: Tensor, wanted: Tensor, claim: str, advice: str = "") -> None:
        require(got.shape == wanted.shape, claim, f". Shapes {tuple(got.shape)} and {tuple(wanted.shape)}{advice}")
        if got.numel():
            if got.dtype == torch.bool:
                got, wanted = got.float(), wanted.float()
            error = (got - wanted).abs().max().item()
            require(error <= self.bound, claim, f". Largest difference {error:.3g}, allowed {self.bound:.3g}")


def _check_reference(expected: Tensor, plain: Tensor, close: _Close) -> None:
    once = plain.dim() < expected.dim() or plain.shape[TIME] == 1 < expected.shape[TIME]
    advice = ". If it answers once for a whole clip (convert with window=n): check_streaming(..., whole_clip=True)"
    close(expected, plain, "the clip equals the plain torch network", advice if once else "")


def _check_whole_clip(
    layer: Streaming, x: Tensor, fill: bool, reference: Callable[[Tensor], Tensor], close: _Close
) -> None:
    timing = layer.timing
    filled = timing.receptive_field - timing.before - timing.after
    clip = x[:, :, : max(filled, timing.stride)] if fill else x
    answers, plain = layer.clip(clip), reference(clip)
    claim = f"the last answer to a clip of {clip.shape[TIME]} frames equals the plain torch network's"
    require(answers.shape[TIME] > 0, claim, ". It has no answer to such a clip: give `frames`, the length it is for")
    answer = answers[:, :, -1:]
    require(answer.numel() == plain.numel(), claim, f". Shapes {tuple(answer.shape)} and {tuple(plain.shape)}")
    close(answer, plain.reshape(answer.shape), claim)


def _check_unrolled(layer: Streaming, x: Tensor, close: _Close) -> None:
    """Frames one by one, and without borders once they do not matter."""
    state, stride = _fresh(layer, x), layer.timing.stride
    settles = layer.settles(0)
    for part in x.split(stride, dim=TIME):
        wanted, after = layer(part, state)
        for settled in dict.fromkeys((False, int(state.age[0]) >= settles)):
            clock = Clock(state.age, None, 0, settled)
            answers, past = layer.unrolled(part.unbind(TIME), state.layers, clock)
            close(torch.stack(answers, TIME), wanted, f"a step of frames one by one equals one of a chunk ({settled=})")
            for own, leaf in zip(leaves(after.layers), leaves(past), strict=True):
                close(leaf, own, f"frames one by one leave the same history ({settled=})")
        state = after


def run_steps(layer: Streaming, x: Tensor, state: State) -> tuple[list[Tensor], State]:
    """The answers to x (B, C, T, *space) fed step by step from a state, and the state after it."""
    answers = []
    for part in x.split(layer.timing.stride, dim=TIME):
        y, state = layer(part, state)
        answers.append(y)
    return answers, state


def _fresh(layer: Streaming, x: Tensor) -> State:
    return layer.init_state(len(x), (x.shape[1], *x.shape[TIME + 1 :]), dtype=x.dtype)


def _check_rows(layer: Streaming, x: Tensor, close: _Close) -> None:
    half = x.shape[TIME] // layer.timing.stride // 2 * layer.timing.stride
    alone, _ = run_steps(layer, x[:1], _fresh(layer, x[:1]))
    again, _ = run_steps(layer, x[1:, :, half:], _fresh(layer, x[1:]))
    first, state = run_steps(layer, x[:, :, :half], _fresh(layer, x))
    state = reset_rows(state, torch.tensor([False, True]))
    second, _ = run_steps(layer, x[:, :, half:], state)
    for got, wanted in zip(first + second, alone, strict=True):
        close(got[:1], wanted, "a stream is not disturbed by another one or by its reset")
    for got, wanted in zip(second, again, strict=True):
        close(got[1:], wanted, "a stream that was reset starts afresh")
    swapped = put_rows(state, torch.tensor([0, 1]), take_rows(state, torch.tensor([1, 0])))
    for got, wanted in zip(leaves(swapped), leaves(state), strict=True):
        require(torch.equal(got.flip(0), wanted), "streams can be taken out of a state and put back into other rows")


def _check_causality(layer: Streaming, x: Tensor) -> None:
    half = x.shape[TIME] // layer.timing.stride // 2 * layer.timing.stride
    other = x.clone()
    other[:, :, half:] += 1
    before, _ = run_steps(layer, x, _fresh(layer, x))
    after, _ = run_steps(layer, other, _fresh(layer, x))
    steps = half // layer.timing.stride
    require(
        all(torch.equal(a, b) for a, b in zip(before[:steps], after[:steps], strict=True)),
        "answers do not depend on later frames",
    )


def _check_restore(layer: Streaming, x: Tensor) -> None:
    half = x.shape[TIME] // layer.timing.stride // 2 * layer.timing.stride
    _, state = run_steps(layer, x[:, :, :half], _fresh(layer, x))
    snapshot = tree_map(torch.clone, state)
    first, _ = run_steps(layer, x[:, :, half:], state)
    require(
        all(torch.equal(a, b) for a, b in zip(leaves(state), leaves(snapshot), strict=True)),
        "a state is never modified",
    )
    second, _ = run_steps(layer, x[:, :, half:], snapshot)
    require(all(torch.equal(a, b) for a, b in zip(first, second, strict=True)), "a restored stream goes on bit-equal")


def _check_inputs_unmodified(layer: Streaming, x: Tensor) -> None:
    stride = layer.timing.stride
    frame, given = x[:, :, :stride].clone(), x[:, :, :stride].clone()
    _, state = layer(given, _fresh(layer, x))
    require(torch.equal(frame, given), "the input is not modified")
    wanted, _ = layer(frame, state)
    _, state = layer(given, _fresh(layer, x))
    given.fill_(7)  # a frame grabber fills the same tensor again
    got, _ = layer(frame, state)
    require(torch.equal(got, wanted), "a caller may reuse the tensor it gave")


def _check_export(layer: Streaming, x: Tensor, close: _Close) -> None:
    """The exported program for any number of streams equals the layer for several steps from a fresh state."""
    exported = export_step(layer, (x.shape[1], *x.shape[TIME + 1 :]), dtype=x.dtype).module()
    program = cast(Callable[[Tensor, dict[str, Tensor]], tuple[Tensor, dict[str, Tensor]]], exported)
    for streams in (x, x[:1]):
        state = _fresh(layer, streams)
        named = named_state(state)
        for part in streams.split(layer.timing.stride, dim=TIME)[:6]:
            wanted, state = layer(part, state)
            got, named = program(part, named)
            close(got, wanted, "the exported program equals the layer")
            for own, leaf in zip(leaves(state), named.values(), strict=True):
                close(leaf.to(x.dtype), own.to(x.dtype), "the exported program's state equals the layer's")


def _check_gradients(layer: Streaming, x: Tensor) -> None:
    trained = copy.deepcopy(layer).train()
    for forward in (trained.clip, lambda clip: stream_clip(trained, clip, clip.shape[TIME])):
        given = x.clone().requires_grad_()
        trained.zero_grad()
        y = forward(given)
        (y * torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y)).sum().backward()
        without = [
            name
            for name, p in trained.named_parameters()
            if p.requires_grad and (p.grad is None or not p.grad.abs().sum() > 0)
        ]
        require(not without, "every parameter has a gradient", f". Without: {without}")
        require(given.grad is not None and bool(given.grad.abs().sum() > 0), "the input has a gradient")
    copy.deepcopy(trained)  # a module must stay copyable after a training step
