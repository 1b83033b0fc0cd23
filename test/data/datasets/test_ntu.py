"""NTU files, written here line by line as the documentation of the data set describes them, are read back."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from helpers.random_search import examples
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from co_perception.data.datasets.ntu import NtuName, ntu_samples, ntu_split, read_skeleton_file
from co_perception.data.samples import Sample, Samples
from co_perception.engine.target import labels

Bodies = dict[int, NDArray[np.float64]]  # id -> (25, 3)


def skeleton_text(frames: Sequence[Bodies], state: int = 2) -> str:
    """A .skeleton file: counts, a line for each body, a line for each joint."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for number, joints in bodies.items():
            lines += [f"{number} 0 1 1 1 1 0 0.01 -0.2 2", "25"]
            lines += [f"{x} {y} {z} 277.4 191.6 1036.2 519.4 -0.2 0.05 0.97 -0.04 {state}" for x, y, z in joints]
    return "\r\n".join(lines) + "\r\n"


def body(seed: int, scale: float = 1.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(25, 3)).round(6) * scale


def write(folder: Path, name: str, frames: Sequence[Bodies], **options: int) -> Path:
    path = folder / f"{name}.skeleton"
    path.write_bytes(skeleton_text(frames, **options).encode())
    return path


ANNA, BERT, CHAIR = 72057594037931101, 72057594037931368, 72057594037931499


def test_a_file_reads_back(tmp_path: Path) -> None:
    frames = [{ANNA: body(t, 1.0), BERT: body(t + 100, 3.0)} for t in range(5)]
    found = read_skeleton_file(write(tmp_path, "S001C002P003R002A013", frames))
    assert (found.layout, found.rate_hz, found.data.shape) == ("ntu25", 30.0, (4, 5, 25, 2))
    for t, bodies in enumerate(frames):  # Bert moves more: he comes first
        np.testing.assert_allclose(found.data[:3, t, :, 0], bodies[BERT].T, rtol=1e-6)
        np.testing.assert_allclose(found.data[:3, t, :, 1], bodies[ANNA].T, rtol=1e-6)
    assert (found.data[3] == 1).all()


@pytest.mark.parametrize(("state", "score"), [(2, 1.0), (1, 0.5), (0, 0.0)])
def test_scores_say_how_a_joint_was_tracked(state: int, score: float, tmp_path: Path) -> None:
    path = write(tmp_path, "a", [{ANNA: body(0)}], state=state)
    *joints, last = path.read_text().splitlines()
    path.write_text("\n".join([*joints, f"{last.rpartition(' ')[0]} 2"]))  # one is tracked whatever the others are
    found = read_skeleton_file(path).data[:, 0, :, 0]
    assert (found[3, :-1] == score).all() and found[3, -1] == 1 and found[:3, :-1].any() == (score > 0)


def test_a_person_with_a_new_id_keeps_its_place(tmp_path: Path) -> None:
    frames = [{ANNA: body(t, 2), BERT: body(t + 50)} for t in range(3)]
    frames += [{BERT: body(t + 50)} for t in range(3, 5)]
    frames += [{CHAIR: body(t, 2), BERT: body(t + 50)} for t in range(5, 8)]  # who was Anna comes back as another
    found = read_skeleton_file(write(tmp_path, "a", frames)).data
    for t in (0, 2, 5, 7):
        np.testing.assert_allclose(found[:3, t, :, 0], body(t, 2).T, rtol=1e-6)
    assert not found[:, 3:5, :, 0].any()
    np.testing.assert_allclose(found[:3, 4, :, 1], body(54).T, rtol=1e-6)


def test_of_many_bodies_those_with_most_variance_are_kept(tmp_path: Path) -> None:
    frames = [{CHAIR: body(7, 0.1), ANNA: body(t), BERT: body(t + 50, 2)} for t in range(4)]
    path = write(tmp_path, "a", frames)
    largest = read_skeleton_file(path).data
    np.testing.assert_allclose(largest[:3, 0, :, 0], body(50, 2).T, rtol=1e-6)
    np.testing.assert_allclose(largest[:3, 0, :, 1], body(0).T, rtol=1e-6)
    assert read_skeleton_file(path, bodies=1).data.shape[-1] == 1


def test_a_frame_without_a_body_is_zeros_and_so_is_a_joint_that_is_not_a_number(tmp_path: Path) -> None:
    sequence = read_skeleton_file(write(tmp_path, "b", [{ANNA: body(0)}, {}, {ANNA: body(1)}]))
    assert sequence.data[3].any(axis=1).T.tolist() == [[True, False, True], [False, False, False]]
    joints = body(0)
    joints[4, 1] = np.nan
    found = read_skeleton_file(write(tmp_path, "a", [{ANNA: joints}])).data
    assert not found[:, 0, 4].any() and np.isfinite(found).all() and found[3, 0, :, 0].sum() == 24


def test_a_clip_in_which_no_joint_was_tracked_is_refused(tmp_path: Path) -> None:
    for joints, state in ((body(0), 0), (np.full_like(body(0), np.nan), 2)):
        with pytest.raises(ValueError, match="no joint in it was found"):
            read_skeleton_file(write(tmp_path, "a", [{ANNA: joints}], state=state))


def test_a_folder_is_indexed_and_bad_files_are_listed(tmp_path: Path) -> None:
    frames = [{ANNA: body(0)}]
    for name in ("S001C001P003R002A013", "S001C002P003R002A013", "S002C001P004R001A060", "S001C001P001R001A002"):
        write(tmp_path, name, frames)
    write(tmp_path, "S001C001P003R002A121", frames)
    write(tmp_path, "holiday", frames)
    write(tmp_path, "S001C001P005R001A001", [])
    (tmp_path / "list.txt").write_text("names:\nS001C001P001R001A002\n")
    samples, skipped = ntu_samples(tmp_path, missing=tmp_path / "list.txt")
    assert samples.classes == labels("ntu60") and samples.labels == [12, 12, 59]
    assert [item.subject for item in samples.items] == ["P003", "P003", "P004"]
    assert samples.items[0].group == samples.items[1].group != samples.items[2].group
    reasons = {"S001C001P001R001A002": "listed", "S001C001P003R002A121": "its", "S001C001P005R001A001": "it"}
    assert {Path(source).stem: reason.split()[0] for source, reason in skipped} == reasons | {"holiday": "its"}
    data, category = samples[2]
    assert data.data.shape == (4, 1, 25, 2) and category.description == "walking apart from each other"
    write(tmp_path, "S018C001P041R001A061", frames)  # actions above 60 have the classes of NTU 120
    samples = ntu_samples(tmp_path)[0][-1:]
    assert samples[0][1].description == "put on headphone" and len(samples.classes) == 120


def test_nothing_to_read_is_an_error_that_says_why(tmp_path: Path) -> None:
    write(tmp_path, "holiday", [{ANNA: body(0)}])
    with pytest.raises(ValueError, match=r"(?s)unpack the archive first.*1 skipped.*its name"):
        ntu_samples(tmp_path)
    with pytest.raises(FileNotFoundError):
        ntu_samples(tmp_path / "none")


def every_name() -> Samples:
    """One sample of each setup, camera and performer of NTU RGB+D 120, as far as they go together here."""
    names = [f"S{1 + p % 32:03}C{1 + p % 3:03}P{p:03}R001A001" for p in range(1, 107)]
    return Samples([Sample(lambda: None, 0, source=f"/data/{name}.skeleton[0:16]") for name in names], ("a",))


def test_published_splits() -> None:
    # 40 performers in the first set and 106 in the second; half of the first and 53 of the second train.
    samples = every_name()
    assert [len(part) for part in ntu_split(samples.take(40), "xsub60")] == [20, 20]
    assert [len(part) for part in ntu_split(samples, "xsub120")] == [53, 53]

    def names(part: Samples) -> list[NtuName]:
        return [name for item in part.items if (name := NtuName.find(item.source))]

    assert [{name.setup % 2 for name in names(part)} for part in ntu_split(samples, "xset120")] == [{0}, {1}]
    assert [{name.camera for name in names(part)} for part in ntu_split(samples, "xview60")] == [{2, 3}, {1}]
    with pytest.raises(ValueError, match="published splits are xsub60"):
        ntu_split(samples, "xsub")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'mine' has none"):
        ntu_split(Samples([Sample(lambda: None, 0, source="mine")], ("a",)), "xsub60")


WHOLE = skeleton_text([{ANNA: body(t), BERT: body(t + 9)} for t in range(3)]).encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "cut off"),
        (b"1000000000000\n0\n", "is no number of frames"),
        (b"3\n0\n0\n", "cut off"),
        (b"1\n1000000000000\n", "is no number of bodies"),
        (b"1\n0\n7\n", "1 numbers follow"),
        (b"2\n0\n0\n", "nobody in it"),
        (WHOLE.replace(b"\r\n25\r\n", b"\r\n20\r\n", 1), "25 joints, one body here has 20"),
        (WHOLE.replace(b"277.4", b"x", 1), "could not convert"),
        (WHOLE.replace(str(BERT).encode(), str(ANNA).encode(), 1), f"body {ANNA} is twice in frame 0"),
        (b"\xff\xfe\x00", "no text in ASCII"),
    ],
)
def test_damage_is_named(text: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "S001C001P001R001A001.skeleton"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=reason) as caught:
        read_skeleton_file(path)
    assert str(path) in str(caught.value)


@examples(150)
@given(st.integers(0, len(WHOLE) - 1), st.sampled_from(b"0129.-e \nx\xff"))
def test_one_wrong_byte_gives_a_sequence_or_value_error(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "S001C001P001R001A001.skeleton"
    path.write_bytes(WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :])
    with suppress(ValueError):
        assert np.isfinite(read_skeleton_file(path).data).all()
