"""What every network costs, counted, beside what its paper reports: the rows of `co-perception networks`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from co_perception.networks.build import build_video
from co_perception.networks.measure import macs_per_answer, macs_per_step, params, stream_bytes
from co_perception.networks.oadtr import CoOadTR
from co_perception.networks.stgcn import CoStGcn
from co_perception.networks.variants import VIDEO_VARIANTS, PooledVariant, Published, ResNet3dVariant, VideoVariant
from co_perception.networks.variants_features import FEATURE_VARIANTS, FeatureVariant
from co_perception.networks.variants_skeleton import SKELETON_VARIANTS, SkeletonVariant
from co_perception.networks.video import VideoNetwork

Network = VideoNetwork | CoStGcn | CoOadTR
INCEPTION_FRAMES = 64  # of the clips that Inception-I3D was trained on
NOT_REPORTED = frozenset({"cooadtr_b1_anet", "cooadtr_b2_anet"})  # sizes for other features, left out of the table
COUNTED_IN_VIDEO = "the paper counts norms and ReLUs as well, for steps twice; the difference is taken counting so"
TWO_FRAMES = "; a step is 2 frames, and the paper leaves out what the first costs"


@dataclass(frozen=True)
class Row:
    """One network. Counts are of one stream; `macs` are multiply-adds of convolutions and matrix products.

    delay: frames between the one an answer describes and the last it needs; stride: frames between answers.
    difference: percent by which params and macs_per_step differ from the published figures, counted as the paper does.
    """

    name: str
    params: int
    macs_per_step: int
    macs_per_clip: int
    receptive_field: int
    delay: int
    stride: int
    state_bytes: int
    published: Published
    difference: dict[str, float]
    note: str


def rows() -> Iterator[Row]:
    """A row for every network, in the order of the records. Builds each network once; takes some seconds."""
    for video in VIDEO_VARIANTS.values():
        elementwise = 2 if isinstance(video, PooledVariant) else 0
        note = COUNTED_IN_VIDEO if elementwise else ""
        if isinstance(video, ResNet3dVariant) and video.halve:
            note += TWO_FRAMES
        yield _row(
            video.name, build_video(video), video.frame_shape, clip_frames(video), video.published, note, elementwise
        )
    for skeleton in SKELETON_VARIANTS.values():
        joints = CoStGcn(skeleton)
        yield _row(
            skeleton.name, joints, joints.frame_shape, clip_frames(skeleton), skeleton.published, skeleton.note
        )
    for features in FEATURE_VARIANTS.values():
        if features.name not in NOT_REPORTED:
            encoder = CoOadTR(features)
            yield _row(
                features.name, encoder, encoder.frame_shape, clip_frames(features), features.published, features.note
            )


def clip_frames(variant: VideoVariant | SkeletonVariant | FeatureVariant) -> int:
    """Frames of the clip that the offline network is published for."""
    if isinstance(variant, SkeletonVariant):
        return variant.clip
    return variant.window if isinstance(variant, PooledVariant | FeatureVariant) else INCEPTION_FRAMES


def _row(
    name: str,
    network: Network,
    shape: tuple[int, ...],
    frames: int,
    published: Published,
    note: str,
    elementwise: int = 0,
) -> Row:
    step = macs_per_step(network, shape)
    as_published = macs_per_step(network, shape, elementwise=elementwise) if elementwise else step
    reported = {
        "params": (params(network), published.params, 1e6),
        "macs_per_step": (as_published, published.macs_per_step, 1e9),
    }
    return Row(
        name=name,
        params=params(network),
        macs_per_step=step,
        macs_per_clip=macs_per_answer(network, shape, frames),
        receptive_field=network.receptive_field,
        delay=network.delay,
        stride=network.timing.stride,
        state_bytes=stream_bytes(network, shape),
        published=published,
        difference={
            key: round(100 * (here / (there * unit) - 1), 2) for key, (here, there, unit) in reported.items() if there
        },
        note=note,
    )
