"""Readers of everyday data: small files written in the authors' formats, and the real sets where they are given."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from recipes.readers import kinect_sets, mocap_sets, video_sets
from recipes.readers.takes import JOINTS, Take, evenly, unpacked

LEFT_SHOULDER, RIGHT_SHOULDER, NOSE, LEFT_ANKLE = (JOINTS.index(j) for j in
    ("left_shoulder", "right_shoulder", "nose", "left_ankle"))  # fmt: skip
DATA = os.environ.get("EVERYDAY_DATA", "")


def kinect_frames(order: tuple[int, ...], joints: int = 20, frames: int = 6) -> np.ndarray:
    """Somebody who faces a Kinect, in its axes: the left shoulder at x -0.2, the head at y 0.7, the ankles at -0.8."""
    people = np.zeros((frames, joints, 3))
    people[..., 2] = 3.0
    people[:, order[LEFT_SHOULDER], 0], people[:, order[RIGHT_SHOULDER], 0] = -0.2, 0.2
    people[:, order[NOSE], 1] = 0.7
    people[:, [order[LEFT_ANKLE], order[LEFT_ANKLE + 1]], 1] = -0.8
    return people


def check_faces_camera(take: Take) -> None:
    """The person's left is on the right of the picture, the head above the ankles."""
    assert take.joints[0, LEFT_SHOULDER, 0] > take.joints[0, RIGHT_SHOULDER, 0]
    assert take.joints[0, NOSE, 1] < take.joints[0, LEFT_ANKLE, 1]


def test_utd_mhad(tmp_path: Path) -> None:
    frames = kinect_frames(kinect_sets.UTD)
    savemat(tmp_path / "a27_s3_t1_skeleton.mat", {"d_skel": frames.transpose(1, 2, 0)})
    (tmp_path / "a1_s1_t1_skeleton.mat").write_bytes(b"no mat file")
    (take,), skipped = kinect_sets.utd_mhad(tmp_path)
    assert (take.action, take.person, len(take), len(skipped)) == ("squat", "s3", 6, 1)
    check_faces_camera(take)


def test_kinder_gator_goes_by_time_and_text(tmp_path: Path) -> None:
    frames = kinect_frames(kinect_sets.KINECT)
    rows = ["Timestamp," + ",".join(f"Joint{n}X,Y,Z" for n in range(20)) + ",User-ID,Action,"]
    for number, frame in enumerate(frames):
        rows.append(",".join(map(str, [1e7 + 64 * number, *frame.ravel(), 565, "Punch", ""])))
    (tmp_path / "POSE-p565_44-Punch-1454944061000.csv").write_text("\n".join(rows))
    (tmp_path / "POSE-p888_07-Throw-a-ball--1454944061000.csv").write_text("\n".join(rows))
    (punch, throw), skipped = kinect_sets.kinder_gator(tmp_path)
    assert (punch.action, punch.person, throw.action) == ("Punch", "p565", "Throw a ball") and not skipped
    assert len(punch) == 10  # 320 ms at 30 Hz
    check_faces_camera(punch)


def test_utkinect_is_cut_by_frame_numbers_and_rows_that_occur_twice_count_once(tmp_path: Path) -> None:
    frames = kinect_frames(kinect_sets.KINECT, frames=12)
    rows = [f"{100 + 6 * n}  " + "  ".join(f"{v:.6f}" for v in frame.ravel()) for n, frame in enumerate(frames)]
    (tmp_path / "joints_s01_e02.txt").write_text("\n".join([*rows[:3], rows[2], *rows[3:]]))
    (tmp_path / "actionLabel.txt").write_text("s01_e02\nwalk: 100 124\nsitDown: 130 166 \ncarry: NaN NaN\n")
    (walk, sit), _ = kinect_sets.utkinect(tmp_path)
    # 24 and 36 of 60 numbers a second, at 30 frames a second.
    assert (walk.action, walk.person, len(walk), sit.action, len(sit)) == ("walk", "s01", 13, "sitDown", 19)
    check_faces_camera(sit)


def test_nw_ucla(tmp_path: Path) -> None:
    frames = kinect_frames(kinect_sets.KINECT)
    content = {"file_name": "a04_s10_e00_v03", "skeletons": frames.tolist()}
    (tmp_path / "a04_s10_e00_v03.json").write_text(json.dumps(content))
    (take,), _ = kinect_sets.nw_ucla(tmp_path)
    assert (take.action, take.person) == ("walk", "s10")
    check_faces_camera(take)


def test_msr_action3d_has_x_to_the_right_and_a_take_of_zeros_is_named(tmp_path: Path) -> None:
    frames = kinect_frames(kinect_sets.MSR) * [-1, 1, 1]
    rows = np.concatenate([frames.reshape(-1, 3), np.ones((120, 1))], 1)
    np.savetxt(tmp_path / "a14_s02_e01_skeleton3D.txt", rows, "%.6f")
    np.savetxt(tmp_path / "a13_s09_e02_skeleton3D.txt", np.zeros((120, 4)), "%.6f")
    (take,), skipped = kinect_sets.msr_action3d(tmp_path)
    assert (take.action, [source for source, _ in skipped]) == ("forward kick", ["a13_s09_e02_skeleton3D.txt"])
    check_faces_camera(take)


def test_sbu_has_two_people_a_row(tmp_path: Path) -> None:
    folder = tmp_path / "s01s07" / "08" / "001"
    folder.mkdir(parents=True)
    row = ",".join(["1", *["0.25,0.5,1"] * 15, *["0.75,0.5,1"] * 15])
    (folder / "skeleton_pos.txt").write_text("\n".join([row] * 5))
    (one, other), _ = kinect_sets.sbu(tmp_path)
    assert (one.action, one.person, other.person) == ("punch", "s01", "s07")
    assert one.joints.shape == (5, 13, 2) and other.joints[0, 0, 0] == pytest.approx(1.0)


def test_jhmdb_is_read_without_running_anything(tmp_path: Path) -> None:
    pose = np.zeros((8, 15, 2))
    pose[:, 4, 0], pose[:, 3, 0], pose[:, 2, 1], pose[:, 14, 1] = 0.1, -0.1, -0.3, 0.7
    (tmp_path / "GT_train_1.pkl").write_bytes(pickle.dumps({"pose": [pose], "label": ["clap"]}, protocol=4))
    (take,), _ = video_sets.jhmdb(tmp_path, "train")
    assert (take.action, take.joints.shape) == ("clap", (8, 13, 2))
    check_faces_camera(take)
    (tmp_path / "GT_test_1.pkl").write_bytes(pickle.dumps({"pose": print, "label": []}))
    with pytest.raises(ValueError, match="Nothing of it was run"):
        video_sets.jhmdb(tmp_path, "test")


def test_penn_action_calls_left_what_is_left_in_the_picture_of_somebody_who_faces_the_camera(tmp_path: Path) -> None:
    x, y = np.full((7, 13), 100.0), np.full((7, 13), 50.0)
    x[:, 1], x[:, 2], y[:, 11:] = 80, 120, 90
    visibility = np.ones((7, 13))
    visibility[:, 12] = 0
    savemat(tmp_path / "0042.mat", {"x": x, "y": y, "visibility": visibility, "action": "strum_guitar"})
    (take,), _ = video_sets.penn_action(tmp_path)
    assert take.joints[0, LEFT_SHOULDER, 0] == 120 and take.action == "strum_guitar"
    assert np.isnan(take.joints[0, LEFT_ANKLE]).all() and take.joints[0, LEFT_ANKLE + 1, 1] == 90


def test_up_fall_in_a_zip_file_or_beside_it(tmp_path: Path) -> None:
    header = ",".join(f"Joint{n}_{axis}" for n in range(1, 34) for axis in "XYZ") + ",LABEL"
    rows = [",".join(["0.5", "0.25", "0"] * 33 + ["1"])] * 5
    (tmp_path / "C1S2A3T1.csv").write_text("\n".join([header, *rows]))
    (take,), _ = video_sets.up_fall(tmp_path)
    assert (take.action, take.person) == ("fall backward", "s2")
    np.testing.assert_allclose(take.joints[0, 0], [0.5 * 4 / 3, 0.25])


def test_poses_of_openpose_are_parted_where_the_body_jumps(tmp_path: Path) -> None:
    row, other = ["0.5"] * 36 + ["stand"], ["0.8"] * 36 + ["stand"]
    lines = [",".join(each) for each in [["x"] * 37, *[row] * 5, *[other] * 6, *[other[:36] + ["wave"]] * 4]]
    (tmp_path / "data.csv").write_text("\n".join(lines))
    takes, _ = video_sets.lzq_poses(tmp_path)
    assert [(take.action, len(take)) for take in takes] == [("stand", 5), ("stand", 6), ("wave", 4)]


def test_ui_prmd_markers_become_joints_with_y_downwards(tmp_path: Path) -> None:
    markers = np.zeros((10, 39, 3), np.int16)
    markers[..., 1], markers[..., 2] = 5, 1000
    markers[:, [0, 1, 2, 3], 2], markers[:, [30, 36], 2], markers[:, 9, 0] = 1700, 80, 200
    path = tmp_path / "ui_prmd_vicon.npz"
    np.savez(path, positions_mm=markers.reshape(10, 117), sequences=np.array([[1, 4, 1, 6], [7, 4, 2, 4]]))
    (squat, raised), _ = mocap_sets.ui_prmd(path)
    assert (squat.action, raised.action, len(squat), len(raised)) == ("deep squat", "shoulder abduction", 6, 4)
    assert squat.joints[0, LEFT_ANKLE, 1] - squat.joints[0, NOSE, 1] == pytest.approx(1.62, abs=1e-3)


def test_vicon_physical_has_no_hips_and_the_arms_of_person_8_are_exchanged(tmp_path: Path) -> None:
    segments = np.full((8, 9, 3), 5, np.int16)
    segments[:, 2, 0], segments[:, 4, 0] = 300, -300
    names = np.array(["normal/Waving", "normal/Running  [worse]"])
    path = tmp_path / "vicon_physical.npz"
    np.savez(path, positions_mm=segments.reshape(8, 27), names=names, sequences=np.array([[1, 4], [8, 4]]))
    (one, eight), _ = mocap_sets.vicon_physical(path)
    left, right = JOINTS.index("left_wrist"), JOINTS.index("right_wrist")
    assert one.joints[0, left, 0] > one.joints[0, right, 0] and eight.joints[0, left, 0] < eight.joints[0, right, 0]
    assert np.isnan(one.joints[:, JOINTS.index("left_hip")]).all()
    assert (one.action, eight.action) == ("Waving", "Running")


def test_cmu_mocap_without_any_rotation_stands_with_its_arms_out(tmp_path: Path) -> None:
    folder = tmp_path / "train" / "walking"
    folder.mkdir(parents=True)
    (folder / "walking_3.txt").write_text("\n".join([",".join(["0"] * 117)] * 6))
    (take,), _ = mocap_sets.cmu_mocap(tmp_path)
    joints = {name: take.joints[0, number] for number, name in enumerate(JOINTS)}
    assert take.action == "walking" and joints["left_ankle"][1] - joints["nose"][1] > 1.2
    assert joints["left_wrist"][1] == pytest.approx(joints["left_shoulder"][1], abs=0.01)  # a body at rest: arms out
    assert np.linalg.norm(joints["left_knee"] - joints["left_hip"]) == pytest.approx(0.43, abs=0.01)


def test_exponential_maps_are_rotations_of_their_length() -> None:
    from scipy.spatial.transform import Rotation

    maps = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_allclose(mocap_sets.rotations(maps), Rotation.from_rotvec(maps).as_matrix(), atol=1e-12)


def test_frames_at_uneven_times_are_brought_to_even_ones() -> None:
    joints = np.array([0.0, 1.0, 1.0, 4.0, np.nan, 6.0])[:, None]
    even = evenly(joints, np.array([0.0, 1.0, 1.0, 4.0, 5.0, 6.0]), 1.0)
    np.testing.assert_allclose(even[:, 0], [0, 1, 2, 3, 4, np.nan, 6])


def test_damaged_takes_are_refused() -> None:
    for joints in (np.zeros((5, 12, 2)), np.zeros((3, 13, 2)), np.full((5, 13, 3), np.nan), np.full((5, 13, 2), 1e9)):
        with pytest.raises(ValueError):
            Take(joints.astype(np.float32), 30.0, "walk", "s1", "a set")


def test_an_archive_is_unpacked_once_and_one_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    def archive(name: str, member: str) -> None:
        with tarfile.open(tmp_path / f"{name}.tar.xz", "w:xz") as tar:
            info = tarfile.TarInfo(member)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"text"))

    archive("good", "data/file.txt")
    folder = unpacked(tmp_path, "good", tmp_path / "cache")
    (tmp_path / "good.tar.xz").unlink()
    archive("good", "data/other.txt")
    assert unpacked(tmp_path, "good", tmp_path / "cache") == folder
    assert [file.name for file in folder.rglob("*.txt")] == ["file.txt"]
    archive("bad", "../outside.txt")
    with pytest.raises((ValueError, tarfile.FilterError)):
        unpacked(tmp_path, "bad", tmp_path / "cache")
    with pytest.raises(FileNotFoundError, match=r"nothing\.tar\.xz"):
        unpacked(tmp_path, "nothing", tmp_path / "cache")


COUNTS = {
    "utd_mhad": (861, 8), "kinder_gator": (579, 10), "utkinect": (199, 10), "nw_ucla": (1482, 10),
    "msr_action3d": (566, 10), "sbu": (564, 7), "penn_action": (2325, 2325),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason="EVERYDAY_DATA is the folder with train/ and test/")
@pytest.mark.parametrize("name", sorted(COUNTS))
def test_the_published_sets(name: str, tmp_path: Path) -> None:
    where = next(part for part in (Path(DATA) / "train", Path(DATA) / "test") if (part / f"{name}.tar.xz").exists())
    reader = getattr(kinect_sets, name, None) or getattr(video_sets, name)
    takes, _ = reader(unpacked(where, name, tmp_path))
    assert (len(takes), len({take.person for take in takes})) == COUNTS[name]


def test_an_archive_that_two_processes_unpack_at_once_is_there_for_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("here")
    with tarfile.open(tmp_path / "both.tar.xz", "w:xz") as tar:
        tar.add(tmp_path / "a.txt", "a.txt")
    cache, rename = tmp_path / "cache", Path.rename
    other = list[Path]()

    def later(part: Path, target: Path) -> Path:
        if not other:
            other.append(target)
            unpacked(tmp_path, "both", cache)  # the other process comes in between
        return rename(part, target)

    monkeypatch.setattr(Path, "rename", later)
    assert (unpacked(tmp_path, "both", cache) / "a.txt").read_text() == "here"
    assert [path.name for path in cache.iterdir()] == ["both"]
