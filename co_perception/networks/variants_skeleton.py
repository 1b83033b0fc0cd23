"""Variants of the skeleton networks: one frozen record per network, looked up by name.

Variants are data: this file imports neither torch nor the networks built from it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from co_perception.networks.variants import Published, Variant
from co_perception.skeletons.body import PARTS, check_parts
from co_perception.skeletons.layouts import layout as layout_called


@dataclass(frozen=True, kw_only=True)
class SkeletonVariant(Variant):
    """Input, output and origin of a skeleton network.

    Attributes:
        layout: name of its joints.
        persons: in every frame, absent ones zero.
        mixers: how each block mixes joints, keys of `stgcn.MIXERS`.
        padded: whether temporal convolutions pad by half their kernel. The direct form does, with the strides of the
            offline network; the starred form, which had to be trained as such, does neither.
        strides: of each block, in time.
        pool, pool_padding: of the average over time at the end, in steps.
        channels: of each block.
        kernel: frames of each temporal convolution.
        inputs: channels of a joint (x, y, z, or x, y, score).
        normalization: of a frame's joints, a name that `skeletons.normalize` has, or "placed" for its function.
        dropout: in training, before the classifier.
        groups: the group of each class, group after group; each group has one answer. None: all classes are one group.
        marks: standard deviation of a random shift of each joint's channels that an untrained network begins with, so
            that left and right, whose graphs are alike, differ from the start; 0 as published.
        clip: frames of the clips it was trained on.
        needs: parts of the body without which there is no VALID label, see `skeletons.body.whole`.
    """

    layout: str
    persons: int
    mixers: tuple[str, ...]
    padded: bool
    strides: tuple[int, ...]
    pool: int
    pool_padding: int
    channels: tuple[int, ...] = (64,) * 4 + (128,) * 3 + (256,) * 3
    kernel: int = 9
    inputs: int = 3
    normalization: str = "spine"
    dropout: float = 0.0
    groups: tuple[str, ...] = ()
    marks: float = 0.0
    rate_hz: float = 30.0
    clip: int = 300
    needs: tuple[str, ...] = PARTS
    paper: str = (
        "Hedegaard, Heidari and Iosifidis, Continual Spatio-Temporal Graph Convolutional Networks, Pattern Recognition "
        "2023, arXiv 2203.11009"
    )

    def __post_init__(self) -> None:
        if not len(self.mixers) == len(self.channels) == len(self.strides):
            raise ValueError(
                f"{self.name}: every block has a mixer, channels and a stride, got {len(self.mixers)}, "
                f"{len(self.channels)} and {len(self.strides)}"
            )
        check_parts(layout_called(self.layout), self.needs)
        runs = [group for number, group in enumerate(self.groups) if group != self.groups[number - 1] or not number]
        if self.groups and (len(self.groups) != self.classes or len(set(runs)) < len(runs)):
            raise ValueError(
                f"{self.name}: every class has a group, and those of a group follow each other; got {self.classes} "
                f"classes and groups {self.groups}"
            )


def _direct(name: str, mixers: tuple[str, ...], reported: Published, note: str) -> SkeletonVariant:
    """The direct form: the offline network's weights, unchanged, and one answer per 4 frames.

    Its pool pads as if the clip of 300 frames that it was trained on were still to come, so that the first answer comes
    after 297.
    """
    return SkeletonVariant(
        name=name, layout="ntu25", persons=2, classes=60, labels="ntu60", mixers=mixers, padded=True,
        strides=(1, 1, 1, 1, 2, 1, 1, 2, 1, 1), pool=75, pool_padding=19, note=note, published=reported,
    )  # fmt: skip


def _starred(direct: SkeletonVariant, reported: Published, note: str = "") -> SkeletonVariant:
    """The starred form, which answers every frame; in papers the name has a star, in code _mod."""
    return dataclasses.replace(
        direct,
        name=f"{direct.name}_mod",
        # As it was trained; see `stgcn.StarredAdaptiveGraphConv` before training another.
        mixers=tuple("adaptive_starred" if mixer == "adaptive" else mixer for mixer in direct.mixers),
        padded=False,
        strides=(1,) * len(direct.strides),
        pool=220,
        pool_padding=0,
        note=note,
        published=reported,
    )


_TABLE = "Hedegaard et al. 2023, NTU RGB+D 60 X-Sub, joints, 300 frames"
_STRIDED = "strided convolutions compute here only what is used of them, published code also what it drops"
_UNREAD = "published code keeps 13125 parameters in the attention that nothing reads"
_IDLE = "its attention is without effect, as published, and not computed here"

COSTGCN = _direct("costgcn", ("graph",) * 10, Published(3.14, 0.27, 16.73, 86.0, ((75, 85.3),), _TABLE), _STRIDED)
COSTGCN_MOD = dataclasses.replace(
    _starred(COSTGCN, Published(3.14, 0.16, 36.90, 86.3, ((220, 86.3),), _TABLE)), weights="costgcn_ntu60_xview_joint"
)
COAGCN = _direct("coagcn", ("adaptive",) * 10, Published(3.47, 0.30, 18.69, 86.4, ((75, 86.0),), _TABLE), _STRIDED)
COAGCN_MOD = _starred(COAGCN, Published(3.47, 0.17, None, None, ((220, 84.1),), _TABLE), _IDLE)
COSTR = _direct(
    "costr", ("graph",) * 3 + ("joints",) * 7, Published(3.09, 0.22, 16.14, 86.8, ((75, 86.5),), _TABLE), _UNREAD
)
COSTR_MOD = _starred(COSTR, Published(3.09, 0.15, None, None, ((220, 86.3),), _TABLE), _UNREAD)

# A robot cannot wait ten seconds, and short recordings must fit: the starred form whose field is one second.
COSTGCN_SHORT = SkeletonVariant(
    name="costgcn_short", layout="coco17", persons=1, normalization="body", classes=20, labels="",
    mixers=("graph",) * 4, channels=(64, 64, 128, 128), strides=(1,) * 4, kernel=3, padded=False, pool=8,
    pool_padding=0, dropout=0.1, marks=1.0, rate_hz=15.0, clip=16,
    paper="CoST-GCN* (Hedegaard, Heidari and Iosifidis, 2023, arXiv 2203.11009) cut to 4 blocks and 16 frames here",
)  # fmt: skip

# The offline AGCN: attention of the whole clip, so that it cannot stream. Its weights fit COAGCN.
AGCN = dataclasses.replace(
    COAGCN,
    name="agcn",
    mixers=("adaptive_clip",) * 10,
    paper="Shi et al., Two-Stream Adaptive Graph Convolutional Networks, CVPR 2019, arXiv 1805.07694",
)


@dataclass(frozen=True, kw_only=True)
class TemporalVariant(SkeletonVariant):
    """Input, output and origin of a causal temporal network, which has no graph.

    Attributes:
        width: channels of its layers.
        dilations: frames between the taps of each convolution.
        body_memory: frames after which the size and the heights of a body are forgotten that it is compared with, see
            `networks.body_change`; 0: it is compared with none.
    """

    width: int = 128
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    body_memory: int = 0
    mixers: tuple[str, ...] = ()
    channels: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    padded: bool = True
    pool: int = 1
    pool_padding: int = 0


COTCN = TemporalVariant(
    name="cotcn", layout="body13", persons=1, normalization="placed", inputs=6, classes=20, labels="", kernel=3,
    dropout=0.1, rate_hz=15.0, clip=32,
    paper="causal dilated convolutions as of Bai, Kolter and Koltun, 2018, arXiv 1803.01271; sizes chosen here",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class GalleryVariant(TemporalVariant):
    """A temporal network whose classes are shown, see `networks.gallery`; the last class is none of them.

    Attributes:
        memory: frames whose features are taken together.
        dims: numbers of a vector that stands for them.
    """

    memory: int = 24
    dims: int = 96


COGALLERY = GalleryVariant(
    name="cogallery", layout="body13", persons=1, normalization="placed", inputs=6, classes=2, labels="", kernel=3,
    dropout=0.05, rate_hz=15.0, clip=32,
    paper="prototypes as of Snell, Swersky and Zemel, 2017, arXiv 1703.05175, of the features of cotcn",
)  # fmt: skip

SKELETON_VARIANTS: dict[str, SkeletonVariant] = {
    variant.name: variant for variant in (COSTGCN, COSTGCN_MOD, COAGCN, COAGCN_MOD, COSTR, COSTR_MOD, COSTGCN_SHORT)
}
TEMPORAL_VARIANTS: dict[str, TemporalVariant] = {COTCN.name: COTCN}
GALLERY_VARIANTS: dict[str, GalleryVariant] = {COGALLERY.name: COGALLERY}


def skeleton_variant(
    name: str | SkeletonVariant, *, layout: str | None = None, persons: int | None = None
) -> SkeletonVariant:
    """The variant of a skeleton network.

    Args:
        name: key of `SKELETON_VARIANTS`, or a variant of one's own.
        layout, persons: instead of those of the variant. With another layout the joints are those of a camera without
            depth: x, y, score, normalized as such.

    Raises:
        ValueError: for an unknown name.
    """
    known: dict[str, SkeletonVariant] = {**SKELETON_VARIANTS, **TEMPORAL_VARIANTS, **GALLERY_VARIANTS}
    variant = name if isinstance(name, SkeletonVariant) else known.get(name)
    if variant is None:
        raise ValueError(f"no skeleton network {name!r}; there are: {', '.join(sorted(known))}")
    if layout is not None and layout != variant.layout:
        how = "spine" if layout == "ntu25" else "body"
        variant = dataclasses.replace(variant, layout=layout, normalization=how)
    return dataclasses.replace(variant, persons=persons or variant.persons)
