"""Variants are data: one frozen record per network size, looked up by name. Knows neither torch nor the networks
built from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VideoVariant:
    """What a video network expects and gives.

    size: height and width of the input in pixels; short_side: what a frame's shorter side is scaled to before the
    centre crop;
    mean, std: input normalisation of values in [0, 1]; rate_hz: frames per second it was trained at; labels: name of
    its label list;
    weights: the asset with its published weights; paper: where the network comes from.
    """

    name: str
    size: int
    short_side: int
    mean: float
    std: float
    rate_hz: float
    classes: int
    labels: str
    weights: str
    paper: str

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(3, H, W) of an input frame."""
        return (3, self.size, self.size)


COI3D_INCEPTION = VideoVariant(
    name="coi3d_inception",
    size=224,
    short_side=256,
    mean=0.5,
    std=0.5,
    rate_hz=25.0,
    classes=400,
    labels="kinetics400",
    weights="i3d_kinetics400",
    paper="Carreira and Zisserman, Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset, CVPR 2017",
)

VIDEO_VARIANTS: dict[str, VideoVariant] = {variant.name: variant for variant in (COI3D_INCEPTION,)}


def video_variant(name: str) -> VideoVariant:
    """The record of a video network; ValueError names those there are."""
    if name not in VIDEO_VARIANTS:
        raise ValueError(f"no video network {name!r}; there are: {', '.join(sorted(VIDEO_VARIANTS))}")
    return VIDEO_VARIANTS[name]
