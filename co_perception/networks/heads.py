"""Heads on the features of a video network: from x (B, features, T), one vector a step, to logits (B, classes, T).

A head is a network by itself, which is trained on stored features, and the last layer of a `VideoNetwork`, which is
stepped with it. All heads measure features in standard deviations of the training set first.

    linear     one layer
    gru        MiniROAD: a layer with norm, a GRU, a layer; An et al., "MiniROAD: Minimal RNN Framework for Online
               Action Detection", ICCV 2023
    attention  the continual Transformer, `networks.oadtr`
    deepcot    the same, of several blocks that answer one token a step each; arXiv:2511.17693
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

import co_perception.continual as co
from co_perception.networks.oadtr import CoOadTR, Standardize
from co_perception.networks.variants import ATTENTION, DEEPCOT, GRU, HEADS, LINEAR, HeadVariant
from co_perception.networks.variants_features import FeatureVariant

STANDARD = "standard"  # name of the layer that standardizes, in every head


def build_head(variant: HeadVariant, features: int, classes: int) -> co.Sequential:
    """The head of this kind with random weights, for vectors of `features` numbers.

    Raises:
        ValueError: for a kind that there is not.
    """
    if variant.kind == LINEAR:
        return _linear(variant, features, classes)
    if variant.kind == GRU:
        return _gru(variant, features, classes)
    if variant.kind in (ATTENTION, DEEPCOT):
        return CoOadTR(encoder_variant(variant, features, classes))
    raise ValueError(f"no head {variant.kind!r}; there are: {', '.join(HEADS)}")


def encoder_variant(variant: HeadVariant, features: int, classes: int) -> FeatureVariant:
    """The record of the encoder that is this head."""
    return FeatureVariant(
        name=variant.kind, classes=classes, labels="", features=features, width=variant.width, heads=4,
        depth=variant.depth if variant.kind == DEEPCOT else 1, deep=variant.kind == DEEPCOT,
        feedforward=variant.width, window=variant.window, table=2 * variant.window - 1, standardized=True,
        dropout=variant.dropout,
    )  # fmt: skip


def _linear(variant: HeadVariant, features: int, classes: int) -> co.Sequential:
    return co.Sequential(
        OrderedDict(
            **{STANDARD: Standardize(features)}, dropout=nn.Dropout(variant.dropout), head=co.Linear(features, classes)
        )
    )


def _gru(variant: HeadVariant, features: int, classes: int) -> co.Sequential:
    width = variant.width
    return co.Sequential(
        OrderedDict(
            **{STANDARD: Standardize(features)},
            embed=co.Linear(features, width),
            norm=co.LayerNorm(width),
            relu=nn.ReLU(),
            dropout=nn.Dropout(variant.dropout),
            gru=co.GRU(width, width),
            gru_relu=nn.ReLU(),
            head=co.Linear(width, classes),
        )
    )
