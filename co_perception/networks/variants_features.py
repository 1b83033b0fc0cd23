"""Variants of the networks over per-frame feature vectors: one frozen record per network, looked up by name. Knows
neither torch nor the networks built from it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from co_perception.networks.variants import Published


@dataclass(frozen=True, kw_only=True)
class FeatureVariant:
    """What a continual encoder over features expects and gives.

    features: numbers of each frame; depth: encoder blocks; width, heads, feedforward: of each; window: frames attended;
    table: entries of the recycling positional encoding; learned: whether those are trained;
    rate_hz: feature vectors per second it was trained at; labels: name of its label list;
    weights: the asset with its published weights, None where they have to be brought; paper: where it comes from;
    note: why figures differ from the published ones.
    """

    name: str
    features: int
    depth: int
    classes: int
    labels: str
    width: int = 1024
    heads: int = 8
    feedforward: int = 1024
    window: int = 64
    table: int = 127
    learned: bool = False
    dropout: float = 0.1
    rate_hz: float = 4.0
    weights: str | None = None
    paper: str = (
        "Hedegaard, Bakhtiarnia and Iosifidis, Continual Transformers: Redundancy-Free Attention for Online Inference, "
        "ICLR 2023"
    )
    note: str = ""
    published: Published = Published()


def _cooadtr(name: str, features: int, depth: int, reported: Published, note: str = "") -> FeatureVariant:
    return FeatureVariant(
        name=name, features=features, depth=depth, classes=22, labels="thumos14", note=note, published=reported
    )


_TABLE = "Hedegaard et al., ICLR 2023, THUMOS14; accuracies are mAP"
_ONE_QUERY = "one query of the last block is projected here, published code projects all 64"

COOADTR_B1 = _cooadtr("cooadtr_b1", 4096, 1, Published(10.5, 0.0106, 0.673, 64.4, ((64, 64.5),), _TABLE))
COOADTR_B2 = _cooadtr("cooadtr_b2", 4096, 2, Published(16.8, 0.4119, 1.0757, 64.2, ((64, 64.4),), _TABLE), _ONE_QUERY)
# The same for features of networks trained on ActivityNet.
COOADTR_B1_ANET = _cooadtr("cooadtr_b1_anet", 3072, 1, Published(9.5, 0.0096, 0.6057, 55.5, ((64, 56.2),), _TABLE))
COOADTR_B2_ANET = _cooadtr(
    "cooadtr_b2_anet", 3072, 2, Published(15.8, 0.4108, 1.0081, 55.9, ((64, 56.4),), _TABLE), _ONE_QUERY
)

FEATURE_VARIANTS: dict[str, FeatureVariant] = {
    variant.name: variant for variant in (COOADTR_B1, COOADTR_B2, COOADTR_B1_ANET, COOADTR_B2_ANET)
}


def feature_variant(name: str, *, depth: int | None = None, window: int | None = None) -> FeatureVariant:
    """The record of a network over features; ValueError names those there are.

    depth, window: instead of the published blocks and frames.
    """
    if name not in FEATURE_VARIANTS:
        raise ValueError(f"no network over features {name!r}; there are: {', '.join(sorted(FEATURE_VARIANTS))}")
    variant = FEATURE_VARIANTS[name]
    return dataclasses.replace(variant, depth=depth or variant.depth, window=window or variant.window)
