"""Modules that treat every frame alike and alone: they stream as they are, without state."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.layer import TIME, Clock, Frames, Streaming
from co_perception.continual.state import Tree
from co_perception.continual.timing import Timing

# Plain torch modules a container takes unchanged, under their own names. On x (B, C, T, *space) each works per element
# or per channel with fixed statistics (in training mode batch norm measures them over the batch, time included).
FRAMEWISE: tuple[type[nn.Module], ...] = (
    nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.LogSigmoid, nn.Softsign,
    nn.Threshold, nn.Hardshrink, nn.Softshrink, nn.Tanhshrink,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout,
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
)  # fmt: skip
# Those that look at one number at a time, so that any shape will do. Dropout is among them while it does nothing.
ELEMENTWISE: tuple[type[nn.Module], ...] = (
    nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid,
    nn.Tanh, nn.Softplus, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.LogSigmoid, nn.Softsign, nn.Threshold,
    nn.Hardshrink, nn.Softshrink, nn.Tanhshrink, nn.Dropout,
)  # fmt: skip

_OVER_TIME = (
    "on a clip it measures its statistics over all frames, of which a stream has not seen the last ones, so that the "
    "two never agree. FrameGroupNorm measures each frame alone; it has the same parameter names, but a network trained "
    "with the other needs to be trained again"
)
# Why modules that look as if they would stream do not.
REFUSED: dict[type[nn.Module], str] = {
    nn.GroupNorm: _OVER_TIME,
    nn.InstanceNorm1d: f"{_OVER_TIME} (num_groups = channels)",
    nn.InstanceNorm2d: f"{_OVER_TIME} (num_groups = channels)",
    nn.InstanceNorm3d: f"{_OVER_TIME} (num_groups = channels)",
    nn.LayerNorm: "it normalises the last axes of x (B, C, T, *space), not the channels, and time may be among them. "
    "co_perception.continual.LayerNorm normalises the channels of each frame and has the same parameter names",
    nn.Linear: "it maps the last axis of x (B, C, T, *space), not the channels. co_perception.continual.Linear maps "
    "the channels and has the same parameter names",
}


class EachFrame(Streaming):
    """Base of layers that treat every frame alone: a subclass gives `clip`, and the same function is its stream.

    `each`, the function of one frame (B, C, *space), is `clip` unless a subclass knows it without a time axis.
    """

    def __init__(self) -> None:
        super().__init__()
        self.timing = Timing()

    def stream(self, x: Tensor, past: tuple[()], clock: object) -> tuple[Tensor, tuple[()]]:
        return self.clip(x), past

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        if self.training or type(self).each is EachFrame.each:  # a norm in training measures the whole chunk
            return super().unrolled(frames, past, clock)
        return tuple(map(self.each, frames)), past

    def each(self, frame: Tensor) -> Tensor:
        """The function of one frame."""
        return self.clip(frame.unsqueeze(TIME)).squeeze(TIME)

    def settles(self, lag: int) -> int:
        return 0


class Framewise(EachFrame):
    """Any function of x (B, C, T, *space) that treats every frame alone, alias `Lambda`.

    For example `Framewise(lambda x: x.mean(-1), frame_out=lambda shape: shape[:-1])`. frame_out: shape (C, *space) of
    an output frame for an input frame's; the identity unless given.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        *,
        frame_out: Callable[[tuple[int, ...]], tuple[int, ...]] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(function, nn.Module):
            for module in function.modules():
                _never_in_place(module)
        self.function = function  # registered as a child where it is a module
        self._frame_out = frame_out

    def clip(self, x: Tensor) -> Tensor:
        return self.function(x)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._frame_out(shape) if self._frame_out else shape


Lambda = Framewise


class Plain(EachFrame):
    """A frame-wise torch module seen through the contract.

    It is not registered as the module's parent, so that the module keeps its parameter names.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.__dict__["module"] = module

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        self.training = self.__dict__["module"].training  # not being its parent, it is not told
        return super().unrolled(frames, past, clock)

    def clip(self, x: Tensor) -> Tensor:
        return self.__dict__["module"](x)

    def each(self, frame: Tensor) -> Tensor:
        module = self.__dict__["module"]
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            measured = (module.running_mean, module.running_var, module.weight, module.bias)
            return F.batch_norm(frame, *measured, eps=module.eps)
        if isinstance(module, ELEMENTWISE):
            return module(frame)
        return super().each(frame)


def streaming(module: nn.Module) -> Streaming:
    """`module` as a layer of the contract; ValueError where it has no streaming form."""
    if isinstance(module, Streaming):
        return module
    reason = _refusal(module)
    if reason:
        raise ValueError(f"{type(module).__name__} has no streaming form: {reason}")
    _never_in_place(module)
    return Plain(module)


def _refusal(module: nn.Module) -> str | None:
    for kind, reason in REFUSED.items():
        if isinstance(module, kind):
            return reason
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
        return f"without running statistics {_OVER_TIME}"
    if isinstance(module, nn.Softmax | nn.LogSoftmax):
        if module.dim in (1, TIME + 1, TIME + 2):
            return None
        return f"dim={module.dim} may be time. Give the axis of x (B, C, T, *space) from the front: 1 for channels"
    if isinstance(module, FRAMEWISE):
        return None
    return (
        "use the layer of the same name in co_perception.continual, or wrap a module that treats every frame alone in "
        "Framewise(module)"
    )


def _never_in_place(module: nn.Module) -> None:
    if getattr(module, "inplace", False):
        # Histories share frames by reference; writing into one would change the past.
        module.inplace = False  # type: ignore[assignment]
