"""Each format is guessed from names and endings, and its reader survives any bytes; errors list the formats."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.random_search import examples
from hypothesis import given
from hypothesis import strategies as st

from co_perception.data.datasets.kinetics_skeleton import read_kinetics_file
from co_perception.data.datasets.ntu import read_skeleton_file
from co_perception.data.datasets.pyskl import pyskl_samples
from co_perception.data.datasets.registry import READERS, guess, open_samples

BODY = "72057594037931101 0 1 1 1 1 0 0.01 -0.2 2\n25\n" + 25 * "0.1 0.2 3 1 1 1 1 0 0 0 0 2\n"
PERSON = {"pose": [0.5] * 36, "score": [0.5] * 18}
CLIP = {"data": [{"frame_index": 1, "skeleton": [PERSON]}], "label": "zumba", "label_index": 399}
ONE = {"frame_dir": "a", "label": 0, "keypoint": np.ones((1, 3, 17, 2), np.float32)}
LEAST: dict[str, bytes] = {
    "ntu/all/S001C001P001R001A001.skeleton": f"1\n1\n{BODY}".encode(),
    "kinetics/a.json": json.dumps(CLIP).encode(),
    "pyskl/a.pkl": pickle.dumps({"annotations": [ONE]}),
    "video/wave/a.mp4": b"decoded when it is read",
    "openpose/wave/a_0_keypoints.json": json.dumps({"people": [{"pose_keypoints_2d": [50.0] * 75}]}).encode(),
    "coco/wave/a.json": json.dumps([{"image_id": 1, "keypoints": [50.0] * 51, "score": 1}]).encode(),
    "table/clips.csv": b"path,label\n../video/wave/a.mp4,wave\n",
}


@pytest.fixture
def kinds(tmp_path: Path) -> dict[str, Path]:
    """The least of each kind."""
    for name, content in LEAST.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    folders = {kind: tmp_path / kind for kind in ("ntu", "kinetics", "video", "openpose", "coco")}
    return folders | {"pyskl": tmp_path / "pyskl/a.pkl", "table": tmp_path / "table/clips.csv"}


def test_each_kind_is_guessed_and_read(kinds: dict[str, Path]) -> None:
    for kind, path in kinds.items():
        assert guess(path) == ("video" if kind == "table" else kind)
        told = {"rate_hz": 30.0} if kind in ("openpose", "coco") else {}
        samples, skipped = open_samples(path, None, **told)
        assert len(samples) == 1 and not skipped
    assert {guess(path) for path in kinds.values()} == set(READERS)


def test_options_go_to_the_reader(kinds: dict[str, Path]) -> None:
    samples, _ = open_samples(kinds["ntu"], bodies=1)
    assert samples[0][0].data.shape == (4, 1, 25, 1)
    with pytest.raises(ValueError, match="kind ntu has no option 'split'; it has: missing, bodies"):
        open_samples(kinds["ntu"], split="xsub60")


def test_what_cannot_be_guessed(tmp_path: Path, kinds: dict[str, Path]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").touch()
    for path in (tmp_path / "empty", tmp_path / "a.txt"):
        with pytest.raises(ValueError, match="is none of: a folder of NTU"):
            open_samples(path)
    with pytest.raises(
        ValueError, match="no kind of data is called 'film'; there are: coco, kinetics, ntu, openpose, pyskl, video"
    ):
        open_samples(kinds["ntu"], kind="film")
    with pytest.raises(FileNotFoundError):
        open_samples(tmp_path / "none")


@examples(150)
@given(st.one_of(st.binary(max_size=300), st.integers(0, 10**6)))
@pytest.mark.parametrize(
    ("name", "read"),
    list(zip(list(LEAST)[:3], (read_skeleton_file, read_kinetics_file, pyskl_samples), strict=True)),
    ids=["ntu", "kinetics", "pyskl"],
)
def test_neither_bytes_nor_a_part_of_a_file_raise_anything_but_value_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, read: Callable[[Path], object], content: bytes | int
) -> None:
    path, whole = tmp_path_factory.getbasetemp() / Path(name).name, LEAST[name].rstrip()
    path.write_bytes(content if isinstance(content, bytes) else whole[: content % len(whole)])
    with pytest.raises(ValueError):
        read(path)
