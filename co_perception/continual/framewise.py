"""Modules that treat every frame alike and alone: they stream as they are, without state."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from co_perception.continual.layer import Streaming
from co_perception.continual.timing import Timing

# Plain torch modules a container takes unchanged, under their own names. On x (B, C, T, *space) each works per element or per channel
# with fixed statistics; a norm that measures statistics over time is not among them (in training mode batch norm does, over the batch).
FRAMEWISE: tuple[type[nn.Module], ...] = (
    nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh, nn.Softplus,
    nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.LogSigmoid, nn.Softsign,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout,
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
)  # fmt: skip


class Framewise(Streaming):
    """Any function of x (B, C, T, *space) that treats every frame alone, such as `Framewise(lambda x: x.mean(-1), frame_out=lambda s: s[:-1])`.

    frame_out: shape (C, *space) of an output frame for an input frame's; the identity unless given.
    """

    def __init__(
        self, function: Callable[[Tensor], Tensor], *, frame_out: Callable[[tuple[int, ...]], tuple[int, ...]] | None = None
    ) -> None:
        super().__init__()
        self.function = function  # registered as a child where it is a module
        self._frame_out = frame_out
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        return self.function(x)

    def stream(self, x: Tensor, past: tuple[()], clock: object) -> tuple[Tensor, tuple[()]]:
        return self.function(x), past

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._frame_out(shape) if self._frame_out else shape


class Plain(Streaming):
    """A frame-wise torch module seen through the contract. Not registered as its parent, so that the module keeps its parameter names."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.__dict__["module"] = module
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        return self.__dict__["module"](x)  # type: ignore[no-any-return]

    def stream(self, x: Tensor, past: tuple[()], clock: object) -> tuple[Tensor, tuple[()]]:
        return self.clip(x), past


def streaming(module: nn.Module) -> Streaming:
    """`module` as a layer of the contract; ValueError where it has no streaming form."""
    if isinstance(module, Streaming):
        return module
    if isinstance(module, FRAMEWISE):
        if getattr(module, "inplace", False):
            # Histories share frames by reference; writing into one would change the past.
            module.inplace = False
        return Plain(module)
    raise ValueError(
        f"{type(module).__name__} has no streaming form here. Use the layer of the same name in co_perception.continual, or wrap a module "
        "that treats every frame alone in Framewise(module)"
    )
