"""Variants of the networks over per-frame feature vectors: one frozen record per network, looked up by name.

Variants are data: this file imports neither torch nor the networks built from it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from co_perception.networks.variants import Published, Variant


@dataclass(frozen=True, kw_only=True)
class FeatureVariant(Variant):
    """Input, output and origin of a continual encoder over features.

    Attributes:
        features: numbers of each frame.
        depth: encoder blocks.
        width, heads, feedforward: of each block.
        window: frames attended.
        table: entries of the recycling positional encoding.
        stem: frames of each convolution over time, all of `width` channels, before attention; none as published.
        deep: whether every block answers one token a step (DeepCoT, arXiv:2511.17693); else all but the last of several
            attend the whole window afresh.
        learned: whether the entries of the table are trained.
        standardized: whether each feature is measured in standard deviations from its mean in the training set.
        dropout: in training.
    """

    features: int
    depth: int
    width: int = 1024
    heads: int = 8
    feedforward: int = 1024
    window: int = 64
    table: int = 127
    stem: tuple[int, ...] = ()
    deep: bool = False
    learned: bool = False
    standardized: bool = False
    dropout: float = 0.1
    rate_hz: float = 4.0
    paper: str = (
        "Hedegaard, Bakhtiarnia and Iosifidis, Continual Transformers: Redundancy-Free Attention for Online Inference, "
        "ICLR 2023"
    )

    @property
    def reach(self) -> int:
        """Frames before the window that its first one was computed from."""
        return sum(self.stem) - len(self.stem)

    def window_of(self, receptive_field: int) -> int:
        """The window of a network of this depth and stem with that receptive field."""
        return (receptive_field - self.reach - 1) // (self.depth if self.deep else 1) + 1


def _cooadtr(name: str, features: int, depth: int, reported: Published, note: str = "") -> FeatureVariant:
    return FeatureVariant(
        name=name, features=features, depth=depth, classes=22, labels="thumos14", note=note, published=reported
    )


_TABLE = "Hedegaard et al., ICLR 2023, THUMOS14; accuracies are mAP"
_DEEPCOT = (
    "Carreto Picon, Zhou, Zhang and Iosifidis, DeepCoT: Deep Continual Transformers for Real-Time Inference on Data "
    "Streams, 2025, arXiv:2511.17693"
)
_ONE_QUERY = "the last block asks one query and projects no keys or values for it, published code projects all 64"

COOADTR_B1 = _cooadtr("cooadtr_b1", 4096, 1, Published(10.5, 0.0106, 0.673, 64.4, ((64, 64.5),), _TABLE))
COOADTR_B2 = _cooadtr("cooadtr_b2", 4096, 2, Published(16.8, 0.4119, 1.0757, 64.2, ((64, 64.4),), _TABLE), _ONE_QUERY)
# The same for features of networks trained on ActivityNet.
COOADTR_B1_ANET = _cooadtr("cooadtr_b1_anet", 3072, 1, Published(9.5, 0.0096, 0.6057, 55.5, ((64, 56.2),), _TABLE))
COOADTR_B2_ANET = _cooadtr(
    "cooadtr_b2_anet", 3072, 2, Published(15.8, 0.4108, 1.0081, 55.9, ((64, 56.4),), _TABLE), _ONE_QUERY
)

# Every block answers one token a step; sizes as of CoOadTR.
CODEEPCOT_B2 = FeatureVariant(
    name="codeepcot_b2", features=4096, depth=2, deep=True, classes=22, labels="thumos14", paper=_DEEPCOT,
    note="no checkpoint is published; sizes are those of CoOadTR",
)  # fmt: skip
CODEEPCOT_B4 = dataclasses.replace(CODEEPCOT_B2, name="codeepcot_b4", depth=4)

# Few numbers a frame, such as an inertial sensor's six: four seconds of them.
COTRANS_SHORT = FeatureVariant(
    name="cotrans_short", features=6, stem=(5, 5, 5), depth=1, classes=7, labels="", width=64, heads=4,
    feedforward=128, window=100, table=199, standardized=True, dropout=0.2, rate_hz=25.0,
    paper="CoOadTR (Hedegaard, Bakhtiarnia and Iosifidis, ICLR 2023), here one small block after three convolutions",
)  # fmt: skip

FEATURE_VARIANTS: dict[str, FeatureVariant] = {
    variant.name: variant
    for variant in (
        COOADTR_B1,
        COOADTR_B2,
        COOADTR_B1_ANET,
        COOADTR_B2_ANET,
        CODEEPCOT_B2,
        CODEEPCOT_B4,
        COTRANS_SHORT,
    )
}


def feature_variant(
    name: str | FeatureVariant, *, features: int | None = None, depth: int | None = None, window: int | None = None
) -> FeatureVariant:
    """The variant of a network over features.

    Args:
        name: key of `FEATURE_VARIANTS`, or a variant of one's own.
        features, depth, window: instead of the numbers of a frame, blocks and frames of the variant.

    Raises:
        ValueError: for an unknown name.
    """
    variant = name if isinstance(name, FeatureVariant) else FEATURE_VARIANTS.get(name)
    if variant is None:
        raise ValueError(f"no network over features {name!r}; there are: {', '.join(sorted(FEATURE_VARIANTS))}")
    wide = dataclasses.replace(variant, features=features or variant.features, depth=depth or variant.depth)
    return wide if window is None else dataclasses.replace(wide, window=window, table=2 * window - 1)
