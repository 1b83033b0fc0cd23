"""Pickles of PYSKL are read without running anything in them."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from co_perception.data.datasets.ntu import ntu_split
from co_perception.data.datasets.pyskl import pyskl_samples
from co_perception.engine.target import labels

RNG = np.random.default_rng(0)


def annotation(name: str = "S001C002P003R002A013", label: Any = 12, joints: int = 17, **other: Any) -> dict[str, Any]:
    """Two people, five frames."""
    found: dict[str, Any] = {
        "frame_dir": name,
        "total_frames": 5,
        "img_shape": (1080, 1920),
        "original_shape": (1080, 1920),
        "label": label,
        "keypoint": RNG.uniform(1, 1000, (2, 5, joints, 2)).astype(np.float16),
        "keypoint_score": RNG.uniform(0.1, 1, (2, 5, joints)).astype(np.float16),
    }
    return {key: value for key, value in (found | other).items() if value is not None}


def write(folder: Path, annotations: Any, name: str = "mine.pkl", **split: list[str]) -> Path:
    path = folder / name
    path.write_bytes(pickle.dumps({"split": split, "annotations": annotations}))
    return path


def test_poses_in_the_picture_read_back(tmp_path: Path) -> None:
    one = annotation()
    samples, skipped = pyskl_samples(write(tmp_path, [one], "ntu60_hrnet.pkl"))
    data, category = samples[0]
    assert not skipped and samples.classes == labels("ntu60") and category.description == "tear up paper"
    assert (data.layout, data.rate_hz, data.data.shape, data.data.dtype) == ("coco17", 30.0, (3, 5, 17, 2), np.float32)
    for m in range(2):
        np.testing.assert_array_equal(data.data[:2, :, :, m].transpose(1, 2, 0), one["keypoint"][m])
        np.testing.assert_array_equal(data.data[2, :, :, m], one["keypoint_score"][m])
    item = samples.items[0]
    assert (item.subject, item.group, item.source) == ("P003", "S001P003R002A013", "S001C002P003R002A013")


def test_poses_in_space_have_scores_where_there_are_joints(tmp_path: Path) -> None:
    points = RNG.normal(size=(2, 5, 25, 3)).astype(np.float32)
    points[1], points[0, 2, 4, 1] = 0, np.nan
    samples, _ = pyskl_samples(write(tmp_path, [annotation(keypoint=points, keypoint_score=None)]))
    data = samples[0][0]
    assert (data.layout, data.data.shape) == ("ntu25", (4, 5, 25, 2))
    assert not data.data[..., 1].any() and not data.data[:, 2, 4, 0].any()
    np.testing.assert_array_equal(data.data[:3, 0, :, 0].T, points[0, 0])
    assert data.data[3, ..., 0].sum() == 5 * 25 - 1


def test_a_split_of_the_file_and_a_published_split(tmp_path: Path) -> None:
    names = [f"S001C00{camera}P001R001A001" for camera in (1, 2, 3)]
    path = write(tmp_path, [annotation(name, 0) for name in names], xview_val=names[:1], xview_train=names[1:])
    train, _ = pyskl_samples(path, split="xview_train")
    assert [item.source for item in train.items] == names[1:]
    both, _ = pyskl_samples(path)
    assert [[item.source for item in part.items] for part in ntu_split(both, "xview60")] == [names[1:], names[:1]]
    with pytest.raises(ValueError, match="no split 'test'; there are: xview_val, xview_train"):
        pyskl_samples(path, split="test")


def test_names_of_classes(tmp_path: Path) -> None:
    annotations = [annotation("clip", np.int64(2))]  # a number of NumPy's, as some of the published files have
    samples, _ = pyskl_samples(write(tmp_path, annotations))
    assert samples.classes == ("class 0", "class 1", "class 2") and samples.items[0].subject == ""
    assert pyskl_samples(write(tmp_path, annotations), classes="abc")[0][0][1].description == "c"
    assert samples[0][0].rate_hz is None


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("mine.pkl", [("S001C001P001R001A013", 13), ("S001C001P001R001A001", 1)]),
        ("ntu60_hrnet.pkl", [("a", 60), ("b", 1)]),
        ("k400_hrnet.pkl", [("a", 400)]),
    ],
)
def test_class_indices_that_count_from_1(file: str, found: list[tuple[str, int]], tmp_path: Path) -> None:
    """Every clip would be taught, or judged, as the class after its own."""
    path = write(tmp_path, [annotation(*each) for each in found], file)
    with pytest.raises(ValueError, match=r"class indices count from 0, and '.*' has \d+: do these count from 1"):
        pyskl_samples(path)
    assert pyskl_samples(path, classes=[f"class {index}" for index in range(401)])[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"keypoint": None}, "KeyError: 'keypoint'"),
        ({"label": None}, "KeyError: 'label'"),
        ({"label": -1}, "no class index"),
        ({"label": 10**12}, "no class index"),
        ({"label": "wave"}, "no class index"),
        ({"frame_dir": ["a"]}, "frame_dir is the name"),
        ({"total_frames": 6}, "total_frames is 6, keypoint has 5"),
        ({"keypoint": np.zeros((5, 17, 2), np.float32)}, r"is an array \(M, T, V, 2 or 3\), got \(5, 17, 2\)"),
        ({"keypoint": np.zeros((0, 5, 17, 2), np.float32)}, "is an array"),
        ({"keypoint": [[1, 2]]}, "is an array"),
        ({"keypoint_score": np.zeros((2, 4, 17), np.float32)}, "has not the shape"),
        ({"joints": 20}, "no known layout"),
    ],
)
def test_a_bad_annotation_is_listed(change: dict[str, Any], reason: str, tmp_path: Path) -> None:
    joints = change.pop("joints", 17)
    samples, skipped = pyskl_samples(write(tmp_path, [annotation("good", 1), annotation(joints=joints, **change)]))
    assert [item.source for item in samples.items] == ["good"]
    [(source, text)] = skipped
    assert source == "mine.pkl [1]"
    with pytest.raises(ValueError, match=reason):
        raise ValueError(text)


def test_pyskl_list(tmp_path: Path) -> None:
    path, clips = tmp_path / "own.pkl", [annotation(f"c{n}", n % 2) for n in range(4)]
    path.write_bytes(pickle.dumps(clips))
    samples, skipped = pyskl_samples(path)
    assert [item.source for item in samples.items] == ["c0", "c1", "c2", "c3"] and not skipped
    wrapped, _ = pyskl_samples(write(tmp_path, clips))
    assert all((a.data == b.data).all() for (a, _), (b, _) in zip(samples, wrapped, strict=True))
    with pytest.raises(ValueError, match="no split 'train'; there are: none"):
        pyskl_samples(path, split="train")
    path.write_bytes(pickle.dumps(clips[0]))
    with pytest.raises(ValueError, match="is a list of annotations, or a dict .* It is one annotation: put it into a"):
        pyskl_samples(path)


def test_joints_at_zero_in_a_picture_are_not_found(tmp_path: Path) -> None:
    points = RNG.uniform(1, 1000, (1, 5, 17, 2)).astype(np.float32)
    points[0, :, 9] = 0
    clip = annotation(keypoint=points, keypoint_score=np.full((1, 5, 17), 0.4, np.float32))
    scores = pyskl_samples(write(tmp_path, [clip]))[0][0][0].data[2, ..., 0]
    assert not scores[:, 9].any() and (np.delete(scores, 9, 1) == np.float32(0.4)).all()


def test_a_clip_in_which_no_joint_was_found_is_listed(tmp_path: Path) -> None:
    empty = annotation(keypoint=np.zeros((1, 5, 17, 2), np.float32), keypoint_score=np.zeros((1, 5, 17), np.float32))
    readable, skipped = pyskl_samples(write(tmp_path, [annotation(), empty]))[0].readable()
    assert len(readable) == 1
    assert "no joint in it was found. A joint is found where it has a finite place" in str(skipped)


def test_pyskl_rate(tmp_path: Path) -> None:
    path = write(tmp_path, [annotation("clip", 0), annotation(label=1)])
    assert [data.rate_hz for data, _ in pyskl_samples(path)[0]] == [None, 30.0]
    assert [data.rate_hz for data, _ in pyskl_samples(path, rate_hz=25)[0]] == [25, 25]
    for rate_hz in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="rate_hz is a number of frames a second above 0"):
            pyskl_samples(path, rate_hz=rate_hz)


@pytest.mark.parametrize("content", [[], {}, {"annotations": {}}, {"annotations": []}, {"annotations": [3, None]}, 7])
def test_another_pickle_is_refused(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match="a.pkl"):
        pyskl_samples(path)


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


def test_a_malicious_pickle_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    path = write(tmp_path, [annotation(), annotation(keypoint=Payload(marker))])
    with pytest.raises(ValueError, match=r"asks for (posix|nt)\.system.*Nothing of it was run"):
        pyskl_samples(path)
    assert not marker.exists()
    pickle.loads(path.read_bytes())  # what an ordinary reader does
    assert marker.exists()
