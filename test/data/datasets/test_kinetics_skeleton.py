"""Kinetics-Skeleton files in the published format, and damaged ones."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.random_search import examples
from hypothesis import given
from hypothesis import strategies as st

from co_perception.data.datasets.kinetics_skeleton import kinetics_samples, read_kinetics_file
from co_perception.engine.target import labels
from co_perception.skeletons.layouts import layout


def person(seed: int, score: float = 0.5) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    return {"pose": rng.uniform(0.1, 1, 36).round(3).tolist(), "score": [score] * 18}


def clip(frames: int = 4, label: str = "zumba", index: int = 399, first: int = 1) -> dict[str, Any]:
    data = [{"frame_index": first + t, "skeleton": [person(t)]} for t in range(frames)]
    return {"data": data, "label": label, "label_index": index}


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_clip_reads_back(tmp_path: Path) -> None:
    found = read_kinetics_file(write(tmp_path / "a.json", clip()))
    assert (found.layout, found.rate_hz, found.data.shape) == ("openpose18", 30.0, (3, 4, 18, 2))
    for t in range(4):
        pose = person(t)["pose"]
        np.testing.assert_allclose(found.data[0, t, :, 0], pose[::2], rtol=1e-6)
        np.testing.assert_allclose(found.data[1, t, :, 0], pose[1::2], rtol=1e-6)
    assert (found.data[2, ..., 0] == 0.5).all() and not found.data[..., 1].any()


def test_joints_have_the_order_of_the_layout(tmp_path: Path) -> None:
    content = clip(1)
    content["data"][0]["skeleton"][0]["pose"][2 * 4] = 0.875  # OpenPose's joint 4 is the right wrist
    found = read_kinetics_file(write(tmp_path / "a.json", content))
    assert found.data[0, 0, layout("openpose18").index("right_wrist"), 0] == 0.875


def test_the_best_people_of_each_frame_come_first_and_gaps_stay_empty(tmp_path: Path) -> None:
    people = [person(0, 0.2), person(1, 0.9), person(2, 0.5)]
    data = [{"frame_index": 7, "skeleton": people}, {"frame_index": 9, "skeleton": []}]
    path = write(tmp_path / "a.json", {"data": data, "label": "zumba", "label_index": 399})
    found = read_kinetics_file(path).data
    assert found.shape == (3, 3, 18, 2) and found[2, 0, 0].tolist() == pytest.approx([0.9, 0.5])
    assert not found[:, 1:].any()
    assert read_kinetics_file(path, persons=5).data[2, 0, 0].tolist() == pytest.approx([0.9, 0.5, 0.2, 0, 0])


def test_joints_without_a_score_or_that_are_no_numbers_are_zeros(tmp_path: Path) -> None:
    content = clip(1)
    entry = content["data"][0]["skeleton"][0]
    entry["score"][3], entry["pose"][10], entry["pose"][12] = 0.0, float("nan"), 1e300
    found = read_kinetics_file(write(tmp_path / "a.json", content)).data[:, 0, :, 0]
    assert np.flatnonzero(~found.any(0)).tolist() == [3, 5, 6]


def test_joints_at_zero_are_not_found_and_zero_scores_are_unknown(tmp_path: Path) -> None:
    content = clip(1)
    entry = content["data"][0]["skeleton"][0]
    entry["pose"][8:10] = [0.0, 0.0]  # OpenPose puts there what it has not found
    found = read_kinetics_file(write(tmp_path / "a.json", content)).data[:, 0, :, 0]
    assert np.flatnonzero(~found.any(0)).tolist() == [4]
    entry["score"] = [0.0] * 18
    unknown = read_kinetics_file(write(tmp_path / "a.json", content)).data[:, 0, :, 0]
    assert np.flatnonzero(~unknown.any(0)).tolist() == [4] and set(unknown[2].tolist()) == {0.0, 1.0}
    entry["pose"] = [0.0] * 36
    with pytest.raises(ValueError, match="no joint in it was found. A joint is found where it has a finite place"):
        read_kinetics_file(write(tmp_path / "a.json", content))


def test_a_folder_with_its_list_of_labels(tmp_path: Path) -> None:
    folder = tmp_path / "kinetics_val"
    for name in ("one", "two"):
        write(folder / f"{name}.json", clip())
    entry = {"has_skeleton": True, "label": "zumba", "label_index": 399}
    listed: dict[str, Any] = {"one": entry, "two": {**entry, "label": "abseiling", "label_index": 0}}
    listed |= {"three": entry, "four": {**entry, "has_skeleton": False}, "five": {**entry, "label_index": 10**12}}
    listed |= {"six": [], "../one": entry}
    write(folder / "five.json", clip())
    write(tmp_path / "kinetics_val_label.json", listed)
    samples, skipped = kinetics_samples(folder)
    assert samples.classes == labels("kinetics400") and samples.labels == [399, 0]
    assert samples[0][1].description == "zumba" and samples[0][0].data.shape == (3, 4, 18, 2)
    assert [item.group for item in samples.items] == ["one", "two"]
    reasons = {Path(source).stem: reason for source, reason in skipped}
    assert len(skipped) == 5 and "no such file" in reasons["three"] and "no skeleton" in reasons["four"]
    assert "no class" in reasons["five"] and "damaged" in reasons["six"]


def test_a_list_of_labels_is_enough_to_index_by(tmp_path: Path) -> None:
    folder = tmp_path / "val"
    write(folder / "one.json", "{ not read yet")
    write(tmp_path / "l.json", {"one": {"has_skeleton": True, "label": "zumba", "label_index": 399}})
    samples, skipped = kinetics_samples(folder, tmp_path / "l.json")
    assert len(samples) == 1 and not skipped
    good, unreadable = samples.readable()
    assert len(good) == 0 and len(unreadable) == 1


def test_a_folder_without_a_list_is_read_for_its_labels(tmp_path: Path) -> None:
    write(tmp_path / "val/a.json", clip(label="wave", index=2))
    write(tmp_path / "val/b.json", clip(label="sit", index=0))
    write(tmp_path / "val/c.json", '{"data": [')
    write(tmp_path / "val/d.json", "[" * 100_000)
    with pytest.raises(ValueError, match=r"Give rate_hz .* and aspect .* as --rate 30 --aspect 1.333"):
        kinetics_samples(tmp_path / "val")
    with pytest.raises(
        ValueError, match=r"Give aspect \(width over height of the pictures\); to a command as --aspect"
    ):
        kinetics_samples(tmp_path / "val", rate_hz=25.0)
    samples, skipped = kinetics_samples(tmp_path / "val", rate_hz=25.0, aspect=16 / 9)
    assert (samples[0][0].rate_hz, samples[0][0].aspect) == (25.0, 16 / 9)
    assert samples.classes == ("sit", "class 1", "wave") and samples.labels == [2, 0]
    assert {Path(source).name for source, _ in skipped} == {"c.json", "d.json"}


def test_nothing_to_read_is_an_error_that_says_why(tmp_path: Path) -> None:
    write(tmp_path / "val/c.json", "{}")
    with pytest.raises(ValueError, match="(?s)nothing to learn from.*1 skipped.*'data'"):
        kinetics_samples(tmp_path / "val")
    with pytest.raises(FileNotFoundError):
        kinetics_samples(tmp_path / "none")


def broken(**change: Any) -> dict[str, Any]:
    frame = {"frame_index": 1, "skeleton": [{**person(0), **change}]}
    return {"data": [{**frame, **{key: change[key] for key in change if key in frame}}]}


@pytest.mark.parametrize(
    "content",
    [
        {"data": []},
        {"data": [{"frame_index": 1, "skeleton": []}]},
        {"data": [{"frame_index": 0, "skeleton": [person(0)]}, {"frame_index": 10**12, "skeleton": [person(0)]}]},
        {"data": [{"frame_index": 1, "skeleton": [person(0)]}, {"frame_index": 1, "skeleton": [person(1)]}]},
        broken(pose=[0.5] * 34),
        broken(pose={"x": 1}),
        broken(score=["x"] * 18),
        broken(score=[10**400] * 18),
        broken(frame_index="1"),
        broken(frame_index=None),
        broken(skeleton=3),
        broken(skeleton="people"),
        {"frames": []},
        [1, 2],
        "null",
        '{"data": [' + "9" * 5000 + "]}",
        "[" * 100_000,
        "",
    ],
)
def test_damage_is_a_value_error_that_names_the_file(content: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", content)
    with pytest.raises(ValueError) as caught:
        read_kinetics_file(path)
    assert str(path) in str(caught.value)


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["data", "frame_index", "skeleton", "pose", "score"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@examples(200)
@given(values)
def test_no_json_raises_anything_but_value_error(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    path = write(tmp_path_factory.getbasetemp() / "a.json", json.dumps({"data": [content]}))
    with suppress(ValueError):
        read_kinetics_file(path)
