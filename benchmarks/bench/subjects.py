"""Networks to measure, by name, with the length of their published clip, and frames of noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from co_perception.networks.variants import VIDEO_VARIANTS, Published, VideoVariant
from co_perception.networks.variants_features import FEATURE_VARIANTS, FeatureVariant
from co_perception.networks.variants_skeleton import SKELETON_VARIANTS, SkeletonVariant

if TYPE_CHECKING:
    from torch import Tensor

    from co_perception.networks.cost import Network

Variant = VideoVariant | SkeletonVariant | FeatureVariant
_PUBLISHED = {name: found for name, found in FEATURE_VARIANTS.items() if not found.deep}  # which others have too
_VIDEO = {
    name: found for name, found in VIDEO_VARIANTS.items() if getattr(found, "causal", True)
}  # the rest: for clips
VARIANTS: dict[str, Variant] = {**_VIDEO, **SKELETON_VARIANTS, **_PUBLISHED}
DIFFERENT = 8  # frames that are fed in turn: enough that none stays in the processor's caches


@dataclass(frozen=True)
class Subject:
    """A network in evaluation mode with random weights. clip: frames of the published clip."""

    name: str
    network: Network
    frame_shape: tuple[int, ...]
    clip: int
    published: Published

    @property
    def stride(self) -> int:
        """Frames of a step."""
        return self.network.timing.stride

    @property
    def steps_to_warm(self) -> int:
        """Steps after which every past frame that a step looks at is a real one."""
        return -(-self.network.receptive_field // self.stride) + 1

    @property
    def steps_to_settle(self) -> int:
        """Steps after which padding no longer matters; before, every backend leaves the step to the plain network."""
        return -(-self.network.settles(0) // self.stride)


def variant(name: str) -> Variant:
    """The settings of a network. "NAME@SIZE" is a video network with images of SIZE pixels a side.

    Raises:
        ValueError: no such network, or a size that is none.
    """
    plain, _, size = name.partition("@")
    if plain not in VARIANTS:
        raise ValueError(f"no network {plain!r}; there are: {', '.join(VARIANTS)}")
    found = VARIANTS[plain]
    if not size:
        return found
    if not isinstance(found, VideoVariant) or not size.isdecimal() or not int(size):
        raise ValueError(f"{name!r}: only video networks have a size, in pixels: {', '.join(VIDEO_VARIANTS)}")
    return replace(found, size=int(size))


def build(name: str) -> Subject:
    """The network of that name (`variant`), the same numbers every time."""
    import torch

    from co_perception.networks.build import build_video
    from co_perception.networks.cost import clip_frames
    from co_perception.networks.oadtr import CoOadTR
    from co_perception.networks.stgcn import CoStGcn

    torch.manual_seed(0)
    found = variant(name)
    if isinstance(found, VideoVariant):
        return Subject(name, build_video(found).eval(), found.frame_shape, clip_frames(found), found.published)
    network = CoStGcn(found) if isinstance(found, SkeletonVariant) else CoOadTR(found)
    return Subject(name, network.eval(), network.frame_shape, clip_frames(found), found.published)


def frames(shape: tuple[int, ...], frames: int, different: int = DIFFERENT) -> list[Tensor]:
    """Chunks (1, C, frames, *space) of noise, the same in every process."""
    import torch

    draw = torch.Generator().manual_seed(7)
    return [torch.randn(1, shape[0], frames, *shape[1:], generator=draw) for _ in range(different)]
