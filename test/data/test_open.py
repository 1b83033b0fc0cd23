"""Each kind of data is told by its looks; what cannot be told is an error that lists what can."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from co_perception.data.open import READERS, guess, open_samples


@pytest.fixture
def kinds(tmp_path: Path) -> dict[str, Path]:
    """The least of each kind."""
    body = "72057594037931101 0 1 1 1 1 0 0.01 -0.2 2\n25\n" + 25 * "0.1 0.2 3 1 1 1 1 0 0 0 0 2\n"
    person = {"pose": [0.5] * 36, "score": [0.5] * 18}
    clip = {"data": [{"frame_index": 1, "skeleton": [person]}], "label": "zumba", "label_index": 399}
    one = {"frame_dir": "a", "label": 0, "keypoint": np.ones((1, 3, 17, 2), np.float32)}
    contents: dict[str, bytes] = {
        "ntu/all/S001C001P001R001A001.skeleton": f"1\n1\n{body}".encode(),
        "kinetics/a.json": json.dumps(clip).encode(),
        "pyskl/a.pkl": pickle.dumps({"annotations": [one]}),
        "video/wave/a.mp4": b"decoded when it is read",
        "table/clips.csv": b"path,label\n../video/wave/a.mp4,wave\n",
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    folders = {kind: tmp_path / kind for kind in ("ntu", "kinetics", "video")}
    return folders | {"pyskl": tmp_path / "pyskl/a.pkl", "table": tmp_path / "table/clips.csv"}


def test_each_kind_is_guessed_and_read(kinds: dict[str, Path]) -> None:
    for kind, path in kinds.items():
        assert guess(path) == ("video" if kind == "table" else kind)
        samples, skipped = open_samples(path)
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
    with pytest.raises(ValueError, match="no kind of data is called 'film'; there are: kinetics, ntu, pyskl, video"):
        open_samples(kinds["ntu"], kind="film")
    with pytest.raises(FileNotFoundError):
        open_samples(tmp_path / "none")
