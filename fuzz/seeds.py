"""Sound files of test/corpus, a small one of each format: `python -m fuzz.seeds` writes them.

Files whose names begin with a digit are these; the others were found, or made by hand to do harm.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as safetensors_bytes

from co_perception.continual import state as states
from co_perception.data.messages.image import encode_jpeg
from co_perception.evaluation.records import FORMAT
from co_perception.learners import skeleton_streams, video_streams
from co_perception.learners.metadata import shipped
from co_perception.runtime.pool import PoolState
from co_perception.skeletons.layouts import LAYOUTS
from co_perception.training import checkpoints
from fuzz.targets.pictures import ENCODINGS
from fuzz.targets.weights import FRESH, OWNER, SIZES, video_form

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "test/corpus"
sys.path.append(str(ROOT / "test"))

ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds"><MEDIA_DESCRIPTOR TIME_ORIGIN="0"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="10"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="20"/></TIME_ORDER>
<TIER TIER_ID="default"><ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="a" TIME_SLOT_REF2="b">
<ANNOTATION_VALUE>wave &amp; go</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="x" PARTICIPANT="Anna" PARENT_REF="default"/></ANNOTATION_DOCUMENT>
"""
VTT = "WEBVTT\n\nNOTE by hand\n\nname\n00:02.500 --> 01:00:07.250 align:left\n<v Anna>wave &amp; <b>go</b>\n"
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><frame_filter>step=2</frame_filter></task></meta>
<track id="0" label="person"><box frame="0" outside="0"><attribute name="act">go</attribute></box>
<box frame="2" outside="1"/></track>
<image id="4"><tag label="wave &amp; go"><attribute name="act">true</attribute></tag><box label="person"/></image>
</annotations>
"""
LABEL_STUDIO = [{
    "id": 1, "data": {"video": "/data/1a2b3c4d-a.mp4"},
    "annotations": [{"was_cancelled": False, "result": [
        {"type": "timelinelabels", "value": {"ranges": [{"start": 1, "end": 9}], "timelinelabels": ["wave"]}},
        {"type": "labels", "value": {"start": 2.5, "end": 3, "labels": ["go"]}},
        {"type": "videorectangle", "id": "r", "value": {"labels": ["sit"], "framesCount": 9, "sequence": [
            {"frame": 2, "enabled": True}, {"frame": 4, "enabled": False}]}},
    ]}],
}]  # fmt: skip
BACKUP = [{
    "version": 0, "shapes": [], "tags": [{"frame": 0, "label": "wave", "attributes": []}],
    "tracks": [{"frame": 1, "label": "person", "attributes": [], "shapes": [
        {"frame": 1, "outside": False, "attributes": [{"name": "act", "value": "go"}]}, {"frame": 9, "outside": True}]}],
}]  # fmt: skip
TASK = {"data": {"start_frame": 3, "frame_filter": "step=2"}, "jobs": [{"start_frame": 0, "stop_frame": 20}]}
KINETICS: dict[str, Any] = {
    "data": [{"frame_index": 1, "skeleton": [{"pose": [0.5] * 36, "score": [0.9] * 18}]}],
    "label": "yoga",
    "label_index": 399,
}


def main() -> None:
    """Writes all of them."""
    for seeds in (_messages(), _texts(), _arrays(), _weights(), _recordings()):
        write_corpus(seeds)


def write_corpus(files: Iterable[tuple[str, bytes | str]]) -> None:
    """Writes (path below test/corpus, content) of each."""
    for name, content in files:
        path = CORPUS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _messages() -> Iterator[tuple[str, bytes]]:
    import cv2

    for number, encoding in enumerate(ENCODINGS):
        size = bytes([number, 0, 4, 0, 4, 0, 32])  # of the longest rows, and below of the most rows of them
        yield f"image/0_{encoding or 'none'}", size + bytes(n % 256 for n in range(12 * 32))
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    yield "compressed_image/0_jpeg", encode_jpeg(pixels)
    yield "compressed_image/0_png", bytes(cv2.imencode(".png", pixels)[1])
    joint = struct.pack("<ffff", 10, 20, 1, 0.9)
    person = bytes([sorted(LAYOUTS).index("coco17"), 0]) + joint * 17 + bytes([1]) + joint[:4] + bytes(16)
    yield "skeletons/0_one", struct.pack("<BII", 0, 640, 480) + bytes([1]) + person
    yield "skeletons/0_metric", struct.pack("<BII", 1, 640, 480) + bytes([2]) + person * 2
    yield "bodies/0_one", struct.pack("<HH", 640, 480) + bytes([1, 2]) + b"p0" + bytes([18]) + joint[:12] * 18
    points = b"".join(bytes([0, number]) + joint[:12] for number in (1, 2, 3))
    yield "detections/0_one", bytes([1, 3]) + points + bytes([1]) + joint[12:]


def _texts() -> Iterator[tuple[str, str]]:
    yield "annotations_csv/0_seconds", 'start,end,label,subject\n2.5,7.25,"sit, down",\n9,12,walk,p1\n'
    stamps = "start_ns,end_ns,label,recording\n1700000002500000000,1700000007250000000,wave,b\n"
    yield "annotations_csv/0_stamps", stamps
    rows = [{"start": 0.1, "end": 3, "label": "wave", "subject": "p"}, {"start": 5, "end": 6.5, "label": "go"}]
    yield "annotations_json/0_seconds", json.dumps(rows)
    yield "elan/0_two_tiers", ELAN
    yield "webvtt/0_voice", VTT
    yield "cvat/0_track_and_tag", CVAT
    yield "exports/0_label_studio", json.dumps(LABEL_STUDIO)
    yield "exports/0_backup", json.dumps(BACKUP) + "\0" + json.dumps(TASK)
    labels = {"label": {"labels": [{"name": "wave"}]}}
    tag = {"type": "label", "label_id": 0, "attributes": {}}
    box = {"type": "bbox", "label_id": 0, "attributes": {"track_id": 1, "outside": False}}
    items = [{"id": "a", "attr": {"frame": n}, "annotations": [[tag], [box]][n // 2]} for n in range(4)]
    yield "exports/0_datumaro", json.dumps({"categories": labels, "items": items})
    step = {"label": "Left Step", "metadata": {"system": {"startTime": 1.5, "endTime": 2}}}
    yield "steps/0_one", json.dumps({"annotations": [step]})
    body = "7 0 0 0 0 0 0 0 0 2\n25\n" + "0.1 0.2 3 0 0 0 0 0 0 0 0 2\n" * 25
    yield "ntu/0_two_frames", f"2\n1\n{body}1\n{body}"
    yield "kinetics/0_alone", json.dumps(KINETICS)
    listed = {"clip": {"has_skeleton": True, "label": "yoga", "label_index": 399}}
    yield "kinetics/0_listed", json.dumps(KINETICS) + "\0" + json.dumps(listed)
    frame = [0.1, 0, 0.9, 0] + [1, 0, 0, 0] * 4 + [0.1] + [1, 0, 0, 0] * 2 + [0.1] + [1, 0, 0, 0] + [0.1]
    frame += [1, 0, 0, 0] * 2 + [0.1]
    yield "motion/0_wraps", json.dumps({"Loop": "wrap", "Frames": [frame, frame]})
    header = ",".join(["label", "accuracy", *(f"{axis}{joint}" for joint in range(25) for axis in "xy")])
    yield "poses/0_two_rows", f"{header}\n" + ("Seated,20.5" + ",0.1,-0.2" * 25 + "\n") * 2
    yield "clips_csv/0_one", "path,label,start,end,subject\nclips.csv,wave,2.5,7,anna\n"
    yield "clips_json/0_one", json.dumps([{"path": "clips.json", "label": "wave", "start": 1, "end": "", "subject": 3}])
    record = {
        "recording": "r", "stamp_ns": 5, "subject": "p", "status": "valid", "label": "a", "truth": None, "progress": 1.0,
        "delay_ns": 0, "missing": 0, "probabilities": [0.25, 0.75],
    }  # fmt: skip
    yield "records/0_one", json.dumps({"format": FORMAT, "classes": ["a", "b"]}) + "\n" + json.dumps(record) + "\n"
    yield "latencies/0_one", json.dumps({"key": ["r", 5, "p"], "latency_s": 0.1}) + "\n"
    yield "train_config/0_some", "epochs: 3\nlr: 1e-3\nmode: step\nselect: f1\nclip_gradient: null\n"
    yield "setting_texts/0_some", "device=cpu\nmin_progress=0.5\nmax_people=3\nmin_score=1e-3\nsmooth=true\n"
    yield "setting_values/0_some", json.dumps({"device": 0, "min_progress": 1, "max_people": 3, "smooth": False})
    yield "snapshot_path/0_plain", "\3abc\npeople.safetensors"


def _arrays() -> Iterator[tuple[str, bytes]]:
    keypoint, score = np.ones((1, 2, 17, 2), np.float16), np.ones((1, 2, 17), np.float16)
    annotation = {"frame_dir": "S001C001P001R001A001", "label": 0, "total_frames": 2, "img_shape": (4, 4)}
    content = {"split": {"all": [annotation["frame_dir"]]}, "annotations": [annotation | {"keypoint": keypoint}]}
    for protocol in (2, 4, 5):
        yield f"pyskl/0_protocol_{protocol}", pickle.dumps(content, protocol)
        params = {"params": {"k": keypoint, "n": {"b": keypoint[0]}}}
        yield f"pickle/0_protocol_{protocol}", pickle.dumps(params, protocol)
    content["annotations"][0]["keypoint_score"] = score  # type: ignore[index]
    yield "pyskl/0_scored", pickle.dumps(content, 4)
    watch: Any = {
        "X": [np.ones((3, 6))], "y": np.array([0]), "y_labels": ["PEN"], "subject": np.array([1]), "side": np.array([1]),
        "X_labels": ["ax", "ay", "az", "wx", "wy", "wz"],
    }  # fmt: skip
    buffer = io.BytesIO()
    np.save(buffer, np.array(watch, dtype=object), allow_pickle=True)
    yield "watch/0_one", buffer.getvalue()


def _weights() -> Iterator[tuple[str, bytes]]:
    tensors = {"fc.weight": torch.ones(2, 3), "body.layer1.sum.bn.bias": torch.zeros(2, dtype=torch.int64)}
    yield "safetensors/0_two", safetensors_bytes(tensors)
    shows = {"show.0": torch.ones(3), "show.1": torch.tensor([0.0, 1.0, 0.0])}
    yield "gallery/0_two", safetensors_bytes(shows, {"show.0": "wave\nmonday 1", "show.1": "sit"})
    for name, options in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False})):
        buffer = io.BytesIO()
        torch.save({"state_dict": tensors, "epoch": 3}, buffer, **options)
        yield f"torch/0_{name}", buffer.getvalue()
        if name == "zip":
            with zipfile.ZipFile(buffer) as archive:
                yield "torch_pickle/0_weights", archive.read("archive/data.pkl")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        checkpoints.write({"network": tensors, "epoch": 3}, path)
        yield "training/0_one", path.read_bytes()
        states.save(FRESH, path)
        yield "state/0_fresh", path.read_bytes()
        presence = skeleton_streams.PresenceHistory(1)
        stream = skeleton_streams.SkeletonStream(
            (np.zeros(SIZES.frame, np.float32),), 1, presence, presence, np.ones(2, np.float32)
        )
        snapshot = skeleton_streams.Snapshot(PoolState(("p",), (0,), FRESH, 0), {"p": stream}, {"p": 0})
        skeleton_streams.save(snapshot, SIZES, path, OWNER)
        yield "people_streams/0_one", path.read_bytes()
        video_streams.save({"p": video_form().fresh}, video_form(), path, {"p": None})
        yield "video_streams/0_one", path.read_bytes()
    yield "metadata/0_skeleton", (shipped("costgcn_short_poses") / "metadata.json").read_bytes()
    yield "bundle/0_everyday", (shipped("cotcn_everyday") / "bundle/bundle.json").read_bytes()


def _recordings() -> Iterator[tuple[str, bytes]]:
    from helpers.bag_writer import Frame, Person, image, standing, store, write_bag, write_messages

    with TemporaryDirectory() as folder:
        frames = [Frame(n * 10**8, [Person("p", standing(n, 2))]) for n in (1, 2)]
        for storage, target, ending in (("mcap", "mcap", ".mcap"), ("sqlite3", "sqlite", ".db3")):
            place = write_bag(Path(folder) / storage, {"/s": frames}, storage)  # type: ignore[arg-type]
            yield f"{target}/0_people", next(place.glob(f"*{ending}")).read_bytes()
            if storage == "mcap":
                metadata = (place / "metadata.yaml").read_bytes()
                yield "bag_folder/0_whole", metadata.replace(b"mcap.mcap", b"recording.mcap")
        types = store()
        picture = image(types, 5, np.zeros((2, 2, 3), np.uint8))
        place = write_messages(Path(folder) / "picture", {"/i": [(5, picture)]}, types=types)
        yield "mcap/0_picture", (place / "picture.mcap").read_bytes()


if __name__ == "__main__":
    main()
