"""Transformer encoder of any depth whose every layer answers one token a step: DeepCoT.

Carreto Picon, Zhou, Zhang and Iosifidis, "DeepCoT: Deep Continual Transformers for Real-Time Inference on Data
Streams", 2025, arXiv:2511.17693. Each layer attends from the newest token to the n newest of its own input, whose keys
and values stay as they were computed: O(n d) a layer and step, where `TransformerEncoder` computes the whole window
anew. The price is another function: a token's meaning in a layer does not change when later ones leave the window, and
an answer depends on L (n - 1) + 1 tokens. On a whole clip it is torch's encoder with a causal mask of n tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from co_perception.continual.encoder import EncoderSettings, SingleOutputEncoderLayer
from co_perception.continual.layer import Streaming
from co_perception.continual.norm import LayerNorm
from co_perception.continual.state import Tree
from co_perception.continual.timing import Clock, Signal, Timing

if TYPE_CHECKING:
    from typing_extensions import Unpack


class DeepContinualEncoder(Streaming):
    """DeepCoT: an encoder of `num_layers` single-output layers, x and y (B, E, T).

    Parameters are named as in `torch.nn.TransformerEncoder`, whose state dicts load.

    Args:
        num_layers: at least 1; with 1 it is `TransformerEncoder` of one layer.
        embed_dim, num_heads, window, settings: as in `EncoderLayer`.
        final_norm: a LayerNorm `norm` after the last layer.

    Raises:
        ValueError: for no layer.
    """

    def __init__(
        self,
        num_layers: int,
        embed_dim: int,
        num_heads: int,
        window: int,
        *,
        final_norm: bool = False,
        **settings: Unpack[EncoderSettings],
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"an encoder has at least one layer, got num_layers={num_layers}")
        layers = (SingleOutputEncoderLayer(embed_dim, num_heads, window, **settings) for _ in range(num_layers))
        self.layers = nn.ModuleList(layers)
        eps, bias = settings.get("layer_norm_eps", 1e-5), settings.get("bias", True)
        self.norm = LayerNorm(embed_dim, eps=eps, bias=bias) if final_norm else None
        before = num_layers * (window - 1)
        self.timing = Timing(before + 1, 1, before, 0)

    def clip(self, x: Tensor) -> Tensor:
        for layer in self._stack():
            x = layer.clip(x)
        return x if self.norm is None else self.norm.clip(x)

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        histories = []
        for layer, own in zip(self._stack(), past, strict=True):
            x, own = layer.stream(x, own, clock)  # the same clock for all: none of them is late
            histories.append(own)
        return x if self.norm is None else self.norm.clip(x), tuple(histories)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        return tuple(layer.init_history(batch_size, signal, like) for layer in self._stack())

    def on_window(self, x: Tensor) -> Tensor:
        """The answer (B, E) to the last of the tokens x (B, E, m), those of a clip or of a stream that begins there."""
        return self.clip(x)[:, :, -1]

    def _stack(self) -> list[SingleOutputEncoderLayer]:
        return list(self.layers)  # type: ignore[arg-type]  # a ModuleList does not know what it holds
