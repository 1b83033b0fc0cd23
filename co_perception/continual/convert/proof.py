"""Proof of a conversion: the continual network against the plain one on random clips, before `convert` returns it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from math import prod
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from co_perception.continual.convert.adopt import copied
from co_perception.continual.convert.site import Axes, ConversionError, UnsupportedOperation
from co_perception.continual.layer import TIME, Streaming, evaluation_mode

TOLERANCE = 1e-3  # relative to the largest answer: single precision, and products added in another order
STREAMS = 2
MOST_PRODUCTS = 10**11  # multiplications of a proof beyond which it is made shorter: a second or two on two cores
SMALLEST = 32  # pixels of the shorter side of a frame that is tried in place of a larger one
Call = Callable[[nn.Module, Tensor], Any]  # a network's answer to a clip as it takes it
Answers = Callable[[Sequence[int], int], tuple[Tensor, Tensor]]  # to frames of a shape: the stream's, the plain one's


def prove(
    layer: Streaming,
    plain: nn.Module,
    frame_shape: Sequence[int],
    given: Axes,
    answered: Axes,
    call: Call,
    clip: int | None = None,
    only: bool = False,
) -> None:
    """Compares the two networks in evaluation mode on clips of two lengths and two streams, some weights drawn.

    Pictures are made smaller where both networks take them so, and clips shorter where they would take minutes. Where
    the plain network looks at a whole clip, its answer is held against the last one to a clip of which each window is
    filled once. The weights of both stay as they are.

    Args:
        layer: the converted network.
        plain: what it was converted from.
        frame_shape: (C, *space) of an input frame.
        given: axes of the plain network's input.
        answered: axes of its answer.
        call: gives the plain network's answer.
        clip: frames of the clip that the network was read for, if any.
        only: whether it is for clips of that length alone.

    Raises:
        ConversionError: where they answer differently, or the plain network refuses the clip.
    """
    plain, layer = copied(plain), copy.deepcopy(layer)
    whole = answered.pooled or answered.newest
    lengths = [clip] if clip and (only or whole) else _lengths(layer, answered)

    def answers(shape: Sequence[int], frames: int, streams: int) -> tuple[Tensor, Tensor]:
        own = next(plain.parameters(), torch.empty(0))
        x = torch.randn(streams, shape[0], frames, *shape[1:]).to(own)
        # A copy, since a network may keep something of a clip for the next one.
        wanted = _plain_answer(copy.deepcopy(plain), x, given, answered, call)
        return layer.clip(x), wanted

    def proved_on(shape: Sequence[int]) -> bool:
        """Whether the networks take such frames and are equal on them; frames of full size decide where not."""
        try:
            layer.frame_out(tuple(shape))
            for frames, streams in _clips(layer, shape, lengths):
                _compare(*answers(shape, frames, streams), frames, whole)
        except (RuntimeError, TypeError, ValueError, IndexError, AssertionError):
            return False
        return True

    def compare() -> None:
        if not any(proved_on(smaller) for smaller in _smaller(frame_shape)):
            for frames, streams in _clips(layer, frame_shape, lengths):
                _compare(*answers(frame_shape, frames, streams), frames, whole)

    with torch.random.fork_rng(devices=[]), torch.no_grad(), evaluation_mode(plain), evaluation_mode(layer):
        torch.manual_seed(0)
        draw_weights(plain)
        layer.load_state_dict(plain.state_dict())
        try:
            compare()
        except ConversionError:
            if next((p.dtype for p in plain.parameters() if p.is_floating_point()), None) is not torch.float32:
                raise
            plain.double(), layer.double()  # drawn weights may make more of rounding than there is in the network
            with suppress(RuntimeError, TypeError):  # it is for single precision alone
                return compare()
            raise


def _smaller(frame_shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Shapes of smaller pictures, the smallest first."""
    channels, *space = frame_shape
    for part in (4, 2):
        if len(space) == 2 and min(space) >= SMALLEST * part:
            yield (channels, *(size // part for size in space))


def _clips(layer: Streaming, shape: Sequence[int], lengths: list[int]) -> list[tuple[int, int]]:
    """Frames and streams of the clips that are tried, fewer of a network that computes for seconds on each."""
    usual = [(frames, STREAMS) for frames in lengths]
    if len(usual) == 1:  # the only clip that tells; two streams, since what mixes them is equal on one
        return usual
    computed = 2 * sum(frames * streams for frames, streams in usual)  # frames, by both networks
    if computed * _most_products(layer, shape) <= MOST_PRODUCTS:
        return usual
    least = _shortest(layer)
    try:
        each = _products(layer, shape, least) / least
    except (RuntimeError, ValueError):  # it needs more frames
        return usual
    if computed * each <= MOST_PRODUCTS:
        return usual
    stride = layer.timing.stride
    return [(least, STREAMS), (least + stride, 1)]


def _shortest(layer: Streaming) -> int:
    """Frames of the shortest clip that has an answer, in whole steps."""
    timing = layer.timing
    filled = max(timing.receptive_field - timing.before - timing.after, 1)
    return -(-filled // timing.stride) * timing.stride


def _most_products(layer: Streaming, shape: Sequence[int]) -> int:
    """More multiplications than a frame takes, without counting: as if every weight were used at every pixel."""
    return sum(weight.numel() for weight in layer.parameters()) * prod(shape[1:])


def _products(layer: Streaming, shape: Sequence[int], frames: int) -> int:
    """Multiplications of a clip of one stream."""
    like = next(layer.parameters(), torch.empty(0))
    with _Multiplications() as counter:
        layer.clip(torch.zeros(1, shape[0], frames, *shape[1:]).to(like))
    return counter.total


class _Multiplications(TorchDispatchMode):
    """Counts those of convolutions and matrices that run within.

    Torch's own counter, and a mode that its compiler knows, would import a second's worth of modules first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        name = func._overloadpacket.__name__
        if name == "convolution":
            weight, transposed = args[1], args[6]
            self.total += (args[0] if transposed else answer).numel() * weight[0].numel()
        elif name in ("mm", "bmm", "addmm", "baddbmm"):
            self.total += answer.numel() * args[-2].shape[-1]
        return answer


def _plain_answer(plain: nn.Module, x: Tensor, given: Axes, answered: Axes, call: Call) -> Tensor:
    """The answer to x (B, C, T, *space), laid out as a stream's (B, C', T', *space')."""
    gone = [place for place in range(x.dim()) if place not in given.order]
    laid_out = x.permute([*given.every, *gone]).flatten(len(given.order) - 1).contiguous()
    try:
        # By themselves these two answer with more than one tensor, and attention asks for keys and values.
        y = plain(laid_out, laid_out, laid_out) if isinstance(plain, nn.MultiheadAttention) else call(plain, laid_out)
        y = y[0] if isinstance(plain, nn.MultiheadAttention | nn.RNNBase) else y
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        _refuse(f"the plain network does not take a clip of shape {tuple(laid_out.shape)}: {error}")
    if not isinstance(y, Tensor) or y.dim() != len(answered.order):
        _refuse("the plain network answers otherwise than was read")
    for place in range(3 + answered.space):
        if place not in answered.order:
            y = y.unsqueeze(-1)
    order = [*answered.order, *(place for place in range(3 + answered.space) if place not in answered.order)]
    return y.permute([order.index(place) for place in range(len(order))])


def _lengths(layer: Streaming, answered: Axes) -> list[int]:
    """Frames of the clips that are tried."""
    timing = layer.timing
    if answered.newest and timing.before:
        return [timing.before]  # attention looks at what there is of its window, and counts the rest as padding
    if answered.pooled or answered.newest:
        filled = timing.receptive_field - timing.before - timing.after
        return [filled if filled > 1 else 7]  # a recurrent network has no window: any clip will do
    steps = timing.receptive_field // timing.stride + 2
    return [steps * timing.stride, (steps + 3) * timing.stride]


def _compare(got: Tensor, wanted: Tensor, frames: int, whole: bool) -> None:
    if whole:
        if got.shape[TIME] == 0:
            _refuse(f"it has no answer to a clip of {frames} frames, which fills its windows")
        got, wanted = got[:, :, -1:], wanted[:, :, -1:]
    if got.shape != wanted.shape:
        _refuse(f"a clip of {frames} frames has answers of shape {tuple(got.shape)}, plainly {tuple(wanted.shape)}")
    difference, scale = float((got - wanted).abs().max()), float(wanted.abs().max().clamp(min=1e-6))
    if not difference <= TOLERANCE * scale:
        _refuse(
            f"it answers otherwise than the plain network, by {difference:.3g} of {scale:.3g} on a random clip of "
            f"{frames} frames. Something it does was not read as it is: a value that depends on the clip's length or "
            "content, or a window that does not fill with the others"
        )


def draw_weights(network: nn.Module) -> None:
    """Random numbers where fresh ones would hide an operation: statistics of norms, weights that are all the same."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.running_mean is not None:
            nn.init.normal_(module.get_buffer("running_mean"), std=0.3)
            nn.init.uniform_(module.get_buffer("running_var"), 0.5, 2.0)
    for weight in network.parameters():
        if weight.is_floating_point() and weight.numel() and bool((weight == weight.flatten()[0]).all()):
            weight.data.add_(torch.randn_like(weight), alpha=0.2)


def _refuse(reason: str) -> NoReturn:
    raise ConversionError([UnsupportedOperation("", "the whole network", reason)])
