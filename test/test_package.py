"""ROS package: messages, manifest, versions."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from builtin_interfaces.msg import Duration, Time
from catkin_pkg.package import parse_package
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

import co_perception
from co_perception.engine.target import Status
from co_perception.msg import Activity, ActivityArray, ActivityHypothesis, Keypoint, LabelInfo, Skeleton, SkeletonArray
from co_perception.srv import ResetState

ROOT = Path(__file__).parent.parent
INTERFACES = sorted([*ROOT.glob("msg/*.msg"), *ROOT.glob("srv/*.srv"), *ROOT.glob("action/*.action")])
HEADER = Header(stamp=Time(sec=7, nanosec=123_456_789), frame_id="camera")
ROI = RegionOfInterest(x_offset=3, y_offset=4, width=50, height=60)


def activities() -> ActivityArray:
    hurdling = ActivityHypothesis(label="hurdling", class_id=159, score=0.75)
    activity = Activity(
        subject_id="body_3", status=Activity.STATUS_VALID, label="hurdling", class_id=159, score=0.75,
        hypotheses=[hurdling], since=Time(sec=6), progress=0.5, roi=ROI,
    )  # fmt: skip
    return ActivityArray(
        header=HEADER, recognizer="coi3d_inception/kinetics400", label_set="kinetics400",
        observation_delay=Duration(sec=2, nanosec=5), processing_latency=Duration(nanosec=31_000_000),
        dropped_frames=4, state_epoch=2, activities=[activity, Activity()],
    )  # fmt: skip


def skeletons() -> SkeletonArray:
    joint = Keypoint(x=320.5, y=240.25, z=1.5, score=0.5)
    skeleton = Skeleton(subject_id="body_3", layout="coco17", score=0.875, keypoints=[joint] * 17, roi=ROI)
    return SkeletonArray(
        header=HEADER, estimator="movenet", coordinates=SkeletonArray.COORDINATES_PIXELS, image_width=640,
        image_height=480, skeletons=[skeleton],
    )  # fmt: skip


def label_info() -> LabelInfo:
    return LabelInfo(
        header=HEADER, recognizer="r", label_set="two", labels=["sitting", "standing"], threshold=0.25,
        min_progress=0.75, receptive_field=107, rate_hz=25.0,
    )  # fmt: skip


@pytest.mark.parametrize("message", [activities(), skeletons(), label_info()], ids=lambda m: type(m).__name__)
def test_a_message_survives_the_wire(message: Any) -> None:
    assert deserialize_message(serialize_message(message), type(message)) == message


def test_a_reset_request_survives_the_wire() -> None:
    request = ResetState.Request(subject_ids=["body_3", ""])
    assert deserialize_message(serialize_message(request), ResetState.Request) == request
    assert not ResetState.Response().success


def test_the_status_numbers_are_those_of_the_engine() -> None:
    constants = {name: getattr(Activity, f"STATUS_{name}") for name in Status.__members__}
    assert constants == {name: int(status) for name, status in Status.__members__.items()}


def test_an_activity_is_silent_until_it_is_filled_in() -> None:
    empty = Activity()
    assert (empty.status, empty.label, empty.class_id, empty.score) == (Activity.STATUS_WARMING_UP, "", -1, 0.0)


@pytest.mark.parametrize("file", INTERFACES, ids=lambda file: file.name)
def test_every_field_says_what_it_means(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert lines[0].startswith("# "), "the file starts with what the message is"
    silent = [line for line in lines if line and line != "---" and not re.search(r"# \S.{8,}", line)]
    assert not silent, f"{file.name} has fields without a comment: {silent}"


def test_every_interface_file_is_generated() -> None:
    import co_perception.action
    import co_perception.msg
    import co_perception.srv

    generated = set(dir(co_perception.msg)) | set(dir(co_perception.srv)) | set(dir(co_perception.action))
    assert {file.stem for file in INTERFACES} <= generated


def test_the_manifest_is_what_colcon_expects() -> None:
    package = parse_package(ROOT / "package.xml")
    assert (package.name, package.package_format) == ("co_perception", 3)
    assert package.get_build_type() == "ament_cmake"
    assert package.licenses == ["Apache-2.0"]
    assert [group.name for group in package.member_of_groups] == ["rosidl_interface_packages"]
    assert {"rclpy", "rosidl_default_runtime", "sensor_msgs"} <= {item.name for item in package.exec_depends}


def test_the_manifest_names_what_the_nodes_import() -> None:
    package = parse_package(ROOT / "package.xml")
    named = {item.name for item in package.exec_depends + package.build_export_depends}
    pattern = re.compile(r"^\s*(?:from|import) (rclpy|\w+_msgs|\w+_interfaces|std_srvs|ament_index_python)\b", re.M)
    files = (ROOT / "co_perception/nodes").rglob("*.py")
    used = {name for file in files for name in pattern.findall(file.read_text())} - {"hri_msgs", "yolo_msgs"}
    assert used <= named, f"add to package.xml: {sorted(used - named)}"


def test_the_skill_is_as_the_draft_of_the_rep_wants_it_and_as_its_action_is() -> None:
    yaml = pytest.importorskip("yaml")
    [element] = ElementTree.parse(ROOT / "package.xml").findall("export/skill")
    skill = yaml.safe_load(element.text or "")
    assert element.get("content-type") == "yaml" and skill["interface"] in ("action", "service", "topic")
    assert {"id", "version", "description", "interface", "datatype"} <= skill.keys()
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", skill["id"]) and re.fullmatch(r"\d+\.\d+\.\d+", skill["version"])
    package, kind, file = skill["datatype"].split("/")
    assert (package, kind) == ("co_perception", "action") and (ROOT / kind / file).is_file()
    goal = (ROOT / kind / file).read_text().split("---")[0]
    assert [each["name"] for each in skill["parameters"]["in"]] == re.findall(r"^[a-z]\S* (\w+) ", goal, re.MULTILINE)


def test_one_version_everywhere() -> None:
    manifest = parse_package(ROOT / "package.xml").version
    assert "version=MANIFEST.findtext" in (ROOT / "setup.py").read_text()
    released = re.findall(r"^(\d+\.\d+\.\d+) \(", (ROOT / "CHANGELOG.rst").read_text(), re.M)
    cited = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert [co_perception.__version__] == cited == [manifest]
    assert released[:1] in ([], [manifest]), "the topmost release in CHANGELOG.rst is the current one, or there is none"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_the_changelog_can_be_released(tmp_path: Path) -> None:
    """By the rules of REP 132, as catkin_prepare_release and bloom read it, without a warning."""
    docutils = pytest.importorskip("docutils.core")
    from catkin_pkg.changelog import get_changelog_from_path
    from catkin_pkg.cli.prepare_release import get_forthcoming_label

    text = (ROOT / "CHANGELOG.rst").read_text()
    complaints = io.StringIO()
    docutils.publish_doctree(text, settings_overrides={"warning_stream": complaints, "report_level": 1})
    assert not complaints.getvalue()
    label = get_forthcoming_label(text)
    assert label in (None, "Forthcoming")
    released = "9.9.9 (2030-01-02)"
    path = tmp_path / "CHANGELOG.rst"
    path.write_text(text.replace("Forthcoming\n-----------", f"{released}\n{'-' * len(released)}"))
    read = get_changelog_from_path(str(path), "co_perception")
    versions = [version for version, _, _ in read.foreach_version()]
    assert len(versions) == len(re.findall(r"^-{5,}$", text, re.M)) and ("9.9.9" in versions) == (label is not None)
    kept = [bullet for version in versions for part in read.get_content_of_version(version) for bullet in part.bullets]
    assert len(kept) == len(re.findall(r"^\* ", text, re.M))


def test_the_version_is_found_where_colcon_installs_and_where_only_pip_knows_it(tmp_path: Path) -> None:
    """In a prefix as colcon lays it out, and in a folder without a manifest beside a record of pip's."""
    site = tmp_path / "ws/install/co_perception/lib/python3.12/site-packages"
    share = tmp_path / "ws/install/co_perception/share/co_perception"
    alone = tmp_path / "pip/site-packages"
    for folder in (site, alone):
        (folder / "co_perception").mkdir(parents=True)
        (folder / "co_perception/__init__.py").write_text((ROOT / "co_perception/__init__.py").read_text())
    share.mkdir(parents=True)
    (share / "package.xml").write_text("<package><version>7.8.9</version></package>")
    record = alone / "co_perception-4.5.6.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: co_perception\nVersion: 4.5.6\n")
    code = "import sys; sys.path.insert(0, sys.argv[1]); import co_perception; print(co_perception.__version__)"
    for folder, version in ((site, "7.8.9"), (alone, "4.5.6")):
        run = [sys.executable, "-I", "-S", "-c", code, str(folder)]
        assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == version


def test_dependencies_that_are_no_ros_packages_have_the_names_of_rosdep() -> None:
    """Looked up in rosdep/python.yaml of rosdistro, August 2026; tools/ci/rosdep.sh asks rosdep itself."""
    package = parse_package(ROOT / "package.xml")
    named = {each.name for each in [*package.exec_depends, *package.test_depends] if each.name.startswith("python3")}
    assert named == {
        "python3-numpy", "python3-opencv", "python3-tqdm", "python3-yaml",
        "python3-hypothesis", "python3-pytest", "python3-pytest-timeout",
    }  # fmt: skip
