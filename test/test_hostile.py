"""Malicious input that is too large for the corpus, or has another form than bytes: refused within bounds."""

from __future__ import annotations

import io
import json
import math
import pickle
import sqlite3
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.random_search import examples
from hypothesis import given
from hypothesis import strategies as st

from co_perception.data.annotations.intervals import read_annotations
from co_perception.data.bags.message_types import check_definitions
from co_perception.data.bags.metadata_file import check_metadata
from co_perception.data.bags.sqlite_file import check_database
from co_perception.data.datasets.ntu import MOST_PLACES, read_skeleton_file
from co_perception.data.messages.image import coded_size, decode, encode_jpeg, to_rgb
from co_perception.data.messages.people import from_skeletons
from co_perception.data.messages.people_fields import FARTHEST
from co_perception.data.messages.raw_image import MOST_PIXELS
from co_perception.engine.settings import Setting
from co_perception.evaluation.records import FORMAT, read_records
from co_perception.evaluation.result_folder import FRAMES
from co_perception.learners.metadata import shipped
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.nodes.snapshot_path import path_inside
from co_perception.runtime.untrusted.limits import RefusedPickleError
from co_perception.runtime.untrusted.torch_file import load_plain
from co_perception.runtime.untrusted.unpickle import load, read_arrays
from co_perception.skeletons.layouts import LAYOUTS
from co_perception.training.config import TrainConfig
from recipes.readers.pose_classification_kit import held_poses

ENCODINGS = ("rgb8", "bgr8", "rgba8", "mono8", "yuv422", "yuv422_yuy2", "8UC3")
anything = st.floats(width=32, allow_nan=True, allow_infinity=True)


@examples(60)
@given(
    st.sampled_from(ENCODINGS), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
    st.binary(max_size=300), st.booleans(),
)  # fmt: skip
def test_an_image_is_as_large_as_it_says_or_refused(
    encoding: str, height: int, width: int, step: int, data: bytes, small: bool
) -> None:
    if small:
        height, width, step = height % 9, width % 9, step % 40
    message = SimpleNamespace(encoding=encoding, height=height, width=width, step=step, data=data)
    try:
        assert to_rgb(message).shape == (height, width, 3)
    except ValueError as error:
        assert len(str(error)) > 20


@examples(60)
@given(st.lists(st.tuples(anything, anything, anything, anything), min_size=17, max_size=17), anything)
def test_joints_of_any_numbers_become_finite_ones(rows: list[tuple[float, ...]], score: float) -> None:
    joints = [SimpleNamespace(x=x, y=y, z=z, score=s) for x, y, z, s in rows]
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    skeleton = SimpleNamespace(subject_id="p", layout="coco17", score=score, keypoints=joints, roi=roi)
    message = SimpleNamespace(coordinates=0, image_width=640, image_height=480, skeletons=[skeleton] * 3)
    reading = from_skeletons(message)
    assert len(reading.poses) <= 1 and sum(r.kind == "repeated id" for r in reading.refused) in (0, 2)
    for pose in reading.poses:
        assert np.isfinite(pose.data).all() and np.abs(pose.data[:, :2]).max() <= FARTHEST
        assert len(pose) == len(LAYOUTS["coco17"]) and 0 <= pose.confidence <= 1


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_the_size_of_a_picture_is_read_as_its_decoder_reads_it(ending: str) -> None:
    import cv2

    for width, height in ((1, 1), (17, 3), (640, 480)):
        coded = bytes(cv2.imencode(ending, np.zeros((height, width, 3), np.uint8))[1])
        assert coded_size(coded) == (width, height)
        assert all(coded_size(coded[:cut]) in (None, (width, height)) for cut in range(min(len(coded), 700)))


def test_a_picture_that_claims_too_much_is_refused_before_it_is_decoded() -> None:
    coded = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    at = coded.index(b"\xff\xc0") + 5
    large = coded[:at] + struct.pack(">HH", 60_000, 60_000) + coded[at + 4 :]
    with pytest.raises(ValueError, match=f"60000 x 60000 pixels, more than {MOST_PIXELS}"):
        decode(large, "jpeg")


def test_a_field_of_a_table_without_end_is_refused(tmp_path: Path) -> None:
    for name, read in (("a.csv", read_annotations), ("BodyPose_Dataset.csv", held_poses)):
        (tmp_path / name).write_text("start,end,label\n1,2," + "a" * 200_000 + "\n")
        with pytest.raises(ValueError, match=name):
            read(tmp_path / name)


def test_a_line_of_a_record_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("co_perception.evaluation.records.LONGEST_LINE", 100)
    (tmp_path / FRAMES).write_text(json.dumps({"format": FORMAT, "classes": ["a"]}) + "\n" + "[" * 1000)
    with pytest.raises(ValueError, match="line 2 is not JSON"):
        list(read_records(tmp_path))


def test_many_people_who_come_back_are_refused(tmp_path: Path) -> None:
    """Each would need a place of its own, and each place room for all frames."""
    body = " 0 0 0 0 0 0 0 0 0\n25\n" + "0 0 1 0 0 0 0 0 0 0 0 2\n" * 25
    people = [f"1\n{number}{body}" for number in range(MOST_PLACES + 1)]
    path = tmp_path / "S001C001P001R001A001.skeleton"
    path.write_text(f"{2 * len(people) + 9000}\n" + "".join(people) * 2 + "0\n" * 9000)
    with pytest.raises(ValueError, match="come back"):
        read_skeleton_file(path)
    path.write_text(f"{2 * MOST_PLACES + 9000}\n" + "".join(people[:-1]) * 2 + "0\n" * 9000)
    assert read_skeleton_file(path).data.shape == (4, 2 * MOST_PLACES + 9000, 25, 2)


@examples(60)
@given(st.one_of(st.integers(), st.integers(2**60, 2**200), st.floats(), st.text(max_size=5), st.booleans()))
def test_a_setting_takes_what_fits_and_says_why_not(value: Any) -> None:
    bounded = Setting("n", 3, "", 0, 10), Setting("x", 0.5, "", 0, 1)
    for setting in (*bounded, Setting("free", 1.0, ""), Setting("s", "", "")):
        if not setting.objection(value):
            taken = type(setting.default)(value)
            assert not isinstance(taken, float) or not math.isnan(taken)
            assert setting.least is None or setting.most is None or setting.least <= taken <= setting.most  # type: ignore[operator]


@examples(60)
@given(st.text(max_size=30))
def test_a_snapshot_lies_below_its_folder(name: str) -> None:
    try:
        path = path_inside("/var/states", name)
    except (ValueError, OSError):
        return
    assert path.is_relative_to("/var/states") and path != Path("/var/states")


@examples(60)
@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner) | st.tuples(inner)))
def test_containers_come_out_of_a_pickle_as_they_went_in(value: Any) -> None:
    assert load(io.BytesIO(pickle.dumps([value, value]))) == [value, value]


def test_what_is_held_twice_forty_times_over_is_refused_at_once(tmp_path: Path) -> None:
    value: Any = ["a"]
    for _ in range(40):
        value = {"left": value, "right": value}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(RefusedPickleError, match="unfolds"):
        read_arrays(tmp_path / "a.pkl")


def test_a_tensor_that_shows_one_number_often_is_refused(tmp_path: Path) -> None:
    torch.save({"optimizer": [{"w": torch.zeros(1).expand(10**9)}]}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="4 bytes are stored"):
        load_plain(tmp_path / "a.pth")
    whole = torch.arange(12.0).reshape(3, 4)
    torch.save({"part": whole[:, 1:3].T, "whole": whole}, tmp_path / "a.pth")
    assert load_plain(tmp_path / "a.pth")["part"].tolist() == whole[:, 1:3].T.tolist()


def test_a_network_larger_than_its_weights_is_not_built(tmp_path: Path) -> None:
    source = shipped("costgcn_short_poses")
    metadata = json.loads((source / "metadata.json").read_text())
    (tmp_path / "metadata.json").write_text(json.dumps(metadata | {"channels": [60_000] * 4}))
    (tmp_path / "weights.safetensors").write_bytes((source / "weights.safetensors").read_bytes())
    with pytest.raises(ValueError, match="too small for the network"):
        ContinualSkeletonLearner("costgcn_short").load(tmp_path)


def test_settings_with_aliases_are_refused_and_comments_may_say_what_they_like(tmp_path: Path) -> None:
    pytest.importorskip("jsonargparse")
    path = tmp_path / "train.yaml"
    path.write_text("a: &a [1]\nepochs: *a\n")
    with pytest.raises(ValueError, match="anchors"):
        TrainConfig.from_yaml(path)
    path.write_text("epochs: 3  # not *30, &c.\n")
    assert TrainConfig.from_yaml(path).epochs == 3


@pytest.mark.parametrize(
    "text", ["uint8[0] a", "A[5000] a", "string[99999999999] a", "long x[1 << 40];", "const long X = 1 << 9;"]
)
def test_definitions_that_grow_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="its messages"):
        check_definitions(text)


def test_definitions_of_common_messages_are_taken() -> None:
    check_definitions("bool[3] valid [false, true, false]\nint32[<=3] x\t[1]\n", is_msg=True)
    with pytest.raises(ValueError, match="its messages"):
        check_definitions("bool[3] valid [false, true, false]\nint32[5000] x [1]\n", is_msg=True)
    check_definitions("float64[36] covariance\nstring<=10[<=5] names\nuint8[] data # [0] of them\n")


def test_a_database_with_more_than_tables_is_refused(tmp_path: Path) -> None:
    for name, statement in {
        "plain": "CREATE INDEX i ON messages (timestamp)",
        "view": "CREATE VIEW topics AS SELECT 1",
        "computed": "CREATE TABLE t (a INTEGER, b INTEGER AS (a + 1))",
        "trigger": "CREATE TRIGGER t AFTER INSERT ON messages BEGIN SELECT 1; END",
    }.items():
        connection = sqlite3.connect(tmp_path / f"{name}.db3")
        connection.executescript(f"CREATE TABLE messages (id INTEGER PRIMARY KEY, timestamp INTEGER); {statement};")
        connection.close()
        if name == "plain":
            check_database(tmp_path / f"{name}.db3")
        else:
            with pytest.raises(ValueError, match="no recorder writes"):
                check_database(tmp_path / f"{name}.db3")


def test_metadata_that_is_nested_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text("[" * 2000)
    with pytest.raises(ValueError, match="nested"):
        check_metadata(tmp_path / "metadata.yaml")
