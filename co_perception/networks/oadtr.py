"""CoOadTR: online action detection from per-frame feature vectors, by a continual transformer encoder.

Hedegaard, Bakhtiarnia and Iosifidis, "Continual Transformers", ICLR 2023, arXiv:2201.06268, after OadTR, Wang et al.,
ICCV 2021, arXiv:2106.11149. Of OadTR only the encoder is left: no decoder, no class token. With one block a step costs
one token; with two or more, all blocks but the last attend the whole window afresh (`continual.encoder`). Features of a
network go straight into the encoder; the raw numbers of a sensor go through convolutions first, as in DeepConvLSTM
(Ordonez and Roggen, Sensors 2016, doi:10.3390/s16010115).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.framewise import EachFrame
from co_perception.networks.checkpoints import load_strictly, oadtr_names
from co_perception.networks.variants_features import COOADTR_B1, FeatureVariant


class Standardize(EachFrame):
    """Standardizes each feature of x (B, features, T) by mean and deviation: buffers, zeros and ones at first."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))

    def clip(self, x: Tensor) -> Tensor:
        return (x - self.mean[:, None]) / self.deviation[:, None]

    def measure(self, rows: Tensor) -> None:
        """Set mean and deviation to those of rows (N, features). A feature that never changes is only centered."""
        exact = rows.double()
        deviation = exact.std(0, correction=0)
        steady = deviation <= 1e-6 * exact.abs().amax(0)
        self.mean.copy_(exact.mean(0))
        self.deviation.copy_(deviation.masked_fill(steady, 1))


class CoOadTR(co.Sequential):
    """Transformer over feature vectors: x (B, features, T) to logits (B, classes, T).

    Each frame's answer is computed from the last `window` frames, and with a stem from the `reach` before them. With
    `variant.deep` each block looks at the last `window` of its own input.
    """

    def __init__(self, variant: FeatureVariant = COOADTR_B1) -> None:
        first = {"standard": Standardize(variant.features)} if variant.standardized else {}
        super().__init__(
            OrderedDict(
                **first,
                embed=_stem(variant) if variant.stem else co.Linear(variant.features, variant.width),
                position=co.RecyclingPositionalEncoding(variant.width, variant.table, learned=variant.learned),
                dropout=nn.Dropout(variant.dropout),
                encoder=(co.DeepContinualEncoder if variant.deep else co.TransformerEncoder)(
                    variant.depth,
                    variant.width,
                    variant.heads,
                    variant.window,
                    feedforward=variant.feedforward,
                    dropout=variant.dropout,
                    activation="gelu",
                    in_proj_bias=False,
                ),
                norm=co.LayerNorm(variant.width),
                head=co.Linear(variant.width, variant.classes),
            )
        )
        self.variant = variant
        for block in self.get_submodule("encoder.layers").children():
            # Published without any bias around its attention, and with those of the layers after it.
            block.get_submodule("self_attn.out_proj").register_parameter("bias", None)

    @property
    def frame_shape(self) -> tuple[int]:
        """(features,) of an input frame."""
        return (self.variant.features,)

    def classify(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of the newest frame of windows x (B, features, n) of one length, at most `window`.

        For training: it costs one window, where `clip` costs one per frame.
        """
        if x.dim() != 3 or x.shape[1] != self.variant.features:
            raise ValueError(f"expected windows (B, {self.variant.features}, T), got {tuple(x.shape)}")
        *standard, embed, position, dropout, encoder, norm, head = self.layers
        for layer in standard:
            x = layer.clip(x)
        answer = encoder.on_window(dropout.clip(position.clip(embed.clip(x))))  # type: ignore[operator]
        return head.clip(norm.clip(answer.unsqueeze(2))).squeeze(2)


def load_checkpoint(network: CoOadTR, checkpoint: Mapping[str, object], source: str = "the checkpoint") -> None:
    """Load the weights of a checkpoint: all of them or none.

    `checkpoint` holds tensors by name, as CoOadTR's training saves them or as saved here; errors name `source`.

    Raises:
        ValueError: lists what is missing, left over or of another shape.
    """
    load_strictly(network, oadtr_names(checkpoint), f"{source} is not for {network.variant.name}")


def _stem(variant: FeatureVariant) -> co.Sequential:
    """Causal convolutions, zeros before the first frame: one answer per frame, none late."""
    layers: list[nn.Module] = []
    inputs = variant.features
    for kernel in variant.stem:
        layers += [
            co.Conv1d(inputs, variant.width, kernel, padding=((kernel - 1, 0),)),
            nn.BatchNorm1d(variant.width),
            nn.ReLU(),
            nn.Dropout(variant.dropout),
        ]
        inputs = variant.width
    return co.Sequential(*layers)
