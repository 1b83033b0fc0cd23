"""Layers that treat every frame alike and alone: they stream as they are, without state.

Plain torch modules of this kind (`FRAMEWISE`) go into containers unchanged. A linear map of the channels and arithmetic
with constants stand here as layers; `Framewise` makes one of any function.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.layer import TIME, Frames, Streaming
from co_perception.continual.state import Tree
from co_perception.continual.timing import Clock, Timing

# Modules that look at one number at a time, so that any shape will do. Dropout is among them while it does nothing.
ELEMENTWISE: tuple[type[nn.Module], ...] = (
    nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid,
    nn.Tanh, nn.Softplus, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.LogSigmoid, nn.Softsign, nn.Threshold,
    nn.Hardshrink, nn.Softshrink, nn.Tanhshrink, nn.Dropout,
)  # fmt: skip
# Plain torch modules a container takes unchanged, under their own names. On x (B, C, T, *space) each works per element
# or per channel with fixed statistics (in training mode batch norm measures them over the batch, time included).
FRAMEWISE: tuple[type[nn.Module], ...] = (
    *ELEMENTWISE, nn.PReLU, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout,
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
)  # fmt: skip

_OVER_TIME = (
    "on a clip it measures its statistics over all frames, of which a stream has not seen the last ones, so that the "
    "two never agree. FrameGroupNorm measures each frame alone; it has the same parameter names, but a network trained "
    "with the other needs to be trained again"
)
# Why modules that look as if they would stream do not.
REFUSED: dict[type[nn.Module], str] = {
    nn.GroupNorm: _OVER_TIME,
    nn.modules.instancenorm._InstanceNorm: f"{_OVER_TIME} (num_groups = channels)",
    nn.LayerNorm: "it normalizes the last axes of x (B, C, T, *space), not the channels, and time may be among them. "
    "co_perception.continual.LayerNorm normalizes the channels of each frame and has the same parameter names",
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

    For example `Framewise(lambda x: x.mean(-1), frame_out=lambda shape: shape[:-1])`.

    Args:
        function: of a clip or chunk; a module is registered as a child.
        frame_out: shape (C, *space) of an output frame for an input frame's; the identity unless given.
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
        self.function = function
        self._frame_out = frame_out

    def clip(self, x: Tensor) -> Tensor:
        return self.function(x)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._frame_out(shape) if self._frame_out else shape


Lambda = Framewise


class Linear(EachFrame, nn.Linear):  # type: ignore[misc]  # forward is that of the contract
    """`torch.nn.Linear` over the channels of x (B, C, T, *space), with its parameter names."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        nn.Linear.__init__(self, in_features, out_features, bias)
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        return F.linear(x.movedim(1, -1), self.weight, self.bias).movedim(-1, 1)

    def each(self, frame: Tensor) -> Tensor:
        return F.linear(frame, self.weight, self.bias) if frame.dim() == 2 else super().each(frame)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.out_features, *shape[1:])


class _WithConstant(EachFrame):
    """Base of layers that combine x with a constant.

    Args:
        value: a number, or a tensor that broadcasts with x (B, C, T, *space), such as (C, 1, 1) for x (B, C, T, V).
    """

    value: Tensor

    def __init__(self, value: float | Tensor) -> None:
        super().__init__()
        self.register_buffer("value", torch.as_tensor(value), persistent=False)

    def extra_repr(self) -> str:
        return f"{self.value.item():g}" if self.value.numel() == 1 else f"{tuple(self.value.shape)}"


class Add(_WithConstant):
    """x + value."""

    def clip(self, x: Tensor) -> Tensor:
        return x + self.value


class Multiply(_WithConstant):
    """x * value."""

    def clip(self, x: Tensor) -> Tensor:
        return x * self.value


class Constant(_WithConstant):
    """`value` whatever the input, in its shape: `Constant(0)` is the branch of a block that has no skip."""

    def clip(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x) + self.value


class ModuleView(EachFrame):
    """A frame-wise torch module seen through the streaming contract.

    It is not the module's parent, so that the module keeps its parameter names.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._viewed = (module,)  # in a tuple, in which torch does not look for children

    @property
    def key(self) -> object:
        """The same for views of modules that do the same."""
        return identity(self._viewed[0])

    @property
    def is_elementwise(self) -> bool:
        """Whether it looks at one number at a time, so that any shape will do."""
        return isinstance(self._viewed[0], ELEMENTWISE)

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        self.training = self._viewed[0].training  # `train` of the parent does not reach this layer
        return super().unrolled(frames, past, clock)

    def clip(self, x: Tensor) -> Tensor:
        return self._viewed[0](x)

    def each(self, frame: Tensor) -> Tensor:
        module = self._viewed[0]
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            statistics = (module.running_mean, module.running_var, module.weight, module.bias)
            return F.batch_norm(frame, *statistics, eps=module.eps)
        if self.is_elementwise:
            return module(frame)
        return super().each(frame)


def identity(module: nn.Module) -> object:
    """The same for modules that do the same: one of torch without weights by its settings, others each for itself."""
    tensors = [*module.parameters(), *module.buffers()]
    return str(module) if not tensors and type(module).__module__.startswith("torch.nn.") else id(module)


def streaming(module: nn.Module) -> Streaming:
    """`module` as a layer of the contract; ValueError where it has no streaming form."""
    if isinstance(module, Streaming):
        return module
    reason = _refusal(module)
    if reason:
        raise ValueError(f"{type(module).__name__} has no streaming form: {reason}")
    _never_in_place(module)
    return ModuleView(module)


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
        "use the layer of co_perception.continual that does the same, if there is one, or wrap a module that treats "
        "every frame alone in Framewise(module)"
    )


def _never_in_place(module: nn.Module) -> None:
    if getattr(module, "inplace", False):
        # Histories share frames by reference; writing into one would change the past.
        module.inplace = False  # type: ignore[assignment]
