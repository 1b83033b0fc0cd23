"""Harmful files of test/corpus, made by hand: `python -m fuzz.traps` writes them.

Each did harm once, or would do it to a careless parser: sizes that are claimed and not there, few bytes that unfold
into many, types where others are expected.
"""

from __future__ import annotations

import io
import json
import pickle
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as safetensors_bytes

from co_perception.learners.metadata import shipped
from fuzz.seeds import BACKUP, CORPUS, CVAT, ELAN, KINETICS, LABEL_STUDIO, TASK, write_corpus

DEEP = "[" * 20_000
FORMAT = {"format": "co_perception.state", "format_version": "1"}


def main() -> None:
    """Writes all of them."""
    for traps in (_pictures(), _texts(), _pickles(), _checkpoints(), _states(), _recordings()):
        write_corpus((name.replace("/", "/trap_", 1), content) for name, content in traps)


def _pictures() -> Iterator[tuple[str, bytes]]:
    """A few bytes that announce a picture of gigabytes."""
    header = struct.pack(">IIBBBBB", 32_000, 32_000, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b""))
    chunks = b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )
    yield "compressed_image/png_of_three_gigabytes", b"\x89PNG\r\n\x1a\n" + chunks
    frame = b"\xff\xd8\xff\xc0\0\x11\x08\xff\xdc\xff\xdc\x03\x01\x11\0\x02\x11\0\x03\x11\0\xff\xd9"
    yield "compressed_image/jpeg_of_twelve_gigabytes", frame
    bitmap = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 54, 40, 30000, 30000, 1, 24, 0, 0, 0, 0, 0, 0)
    yield "compressed_image/another_format", bitmap
    yield "compressed_image/portable_map", b"P6\n32000 32000\n255\n"


def _texts() -> Iterator[tuple[str, str]]:
    deep = {
        "steps",
        "annotations_json",
        "kinetics",
        "motion",
        "clips_json",
        "records",
        "latencies",
        "metadata",
        "bundle",
        "exports",
    }
    for target in sorted(deep):
        yield f"{target}/deep", DEEP
    yield "annotations_csv/unknown_bytes", "start,end,label\n1,2,\x80\n"
    yield "annotations_csv/stamps_of_4000_digits", f"start_ns,end_ns,label\n1,{'9' * 4000},wave\n"
    yield "annotations_json/lone_surrogate", '[{"start": 1, "end": 2, "label": "\\ud800"}]'
    yield "annotations_json/huge_exponent", '[{"start": 1e-999999999, "end": 1e999999, "label": "a"}]'
    yield "annotations_json/nested_label", '[{"start": 1, "end": 2, "label": [[["a"]]]}]'
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    laughs = ELAN.replace("?>", f'?><!DOCTYPE x [<!ENTITY e0 "ha">{bomb}]>', 1)
    yield "elan/billion_laughs", laughs.replace("wave", "&e8;")
    outside = ELAN.replace("?>", '?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>')
    yield "elan/outside_entity", outside.replace("wave", "&e;")
    yield "elan/huge_times", ELAN.replace('"20"', f'"{"9" * 4000}"')
    yield (
        "cvat/billion_laughs",
        CVAT.replace("?>", f'?><!DOCTYPE x [<!ENTITY e0 "ha">{bomb}]>', 1).replace("go", "&e8;"),
    )
    yield "cvat/frame_of_4000_digits", CVAT.replace('"4"', f'"{"9" * 4000}"')
    yield "cvat/endless_step", CVAT.replace("step=2", f"step={'9' * 300}")
    yield "cvat/attribute_of_nothing", CVAT.replace("<box frame", "<attribute>go</attribute><box frame")
    studio = json.dumps(LABEL_STUDIO)
    yield "exports/frame_with_a_huge_exponent", studio.replace('"end": 9', '"end": 1e999999999')
    yield "exports/seconds_with_a_huge_exponent", studio.replace('"end": 3', '"end": 1e999999999')
    yield "exports/not_a_number", studio.replace('"end": 3', '"end": NaN')
    yield "exports/labels_are_numbers", studio.replace('["wave"]', "[1, null]")
    backup = json.dumps(BACKUP) + "\0" + json.dumps(TASK)
    yield "exports/track_of_400_digits", backup.replace('"frame": 9', f'"frame": {"9" * 400}')
    yield "exports/shapes_are_a_text", backup.replace('"shapes": []', '"shapes": "abc"')
    yield "exports/steps_of_400_digits", backup.replace("step=2", f"step={'9' * 400}")
    yield "exports/job_that_ends_before_it_begins", backup.replace('"stop_frame": 20', '"stop_frame": -5')
    yield "exports/jobs_are_a_text", backup.replace('[{"start_frame": 0, "stop_frame": 20}]', '"a"')
    yield "webvtt/many_open_tags", "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "<v" * 8_000 + "\n"
    yield "webvtt/many_spaces", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v" + " " * 8_000 + "\n"
    yield "webvtt/hours_of_3000_digits", f"WEBVTT\n\n{'9' * 3000}:00:01.000 --> {'9' * 3001}:00:02.000\nwave\n"
    step = {"label": "Left Step", "metadata": {"system": {"startTime": 0, "endTime": 1e999}}}
    yield "steps/infinite", json.dumps({"annotations": [step]})
    yield "steps/labels_of_all_kinds", '{"annotations": [{"label": 1}, {"label": "a"}, {"label": []}]}'
    apart = [KINETICS["data"][0] | {"frame_index": n} for n in (0, 10**12)]
    yield "kinetics/frames_far_apart", json.dumps(KINETICS | {"data": apart})
    listed = '\0{"../../etc/passwd": {"has_skeleton": true, "label": "a", "label_index": 0}}'
    yield "kinetics/label_that_leads_out", json.dumps(KINETICS) + listed
    frames = json.dumps([[1e308] + [0] * 43] * 3)
    yield "motion/no_rotation_and_endless", f'{{"Frames": {frames}}}'
    yield "motion/number_of_400_digits", f'{{"Frames": [[{"9" * 400}]]}}'
    yield "setting_values/number_of_400_digits", f'{{"max_people": {"9" * 400}, "min_progress": {"9" * 400}}}'
    yield "setting_values/not_a_number", '{"min_progress": NaN, "max_gap_s": Infinity}'
    yield "setting_texts/number_of_400_digits", f"max_people={'9' * 400}\nmin_progress={'9' * 400}\nmin_progress=nan\n"
    aliases = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))
    yield "train_config/aliases", f"a0: &a0 [0]\n{aliases}\nepochs: *a8\n"
    yield "train_config/merges", _merged()
    yield "bag_folder/merges", _merged()
    yield "train_config/tag", "epochs: !!python/object/apply:os.system [touch marker]\n"
    yield "train_config/class_path", "class_path: this.s\ninit_args:\n  epochs: 1\n"
    yield "train_config/other_file", "/etc/passwd\n"
    yield "train_config/huge_number", f"epochs: {'9' * 400}\nlr: .inf\n"
    yield "train_config/infinite", "lr: .inf\nseed: 99999999999999999999999\n"
    yield "snapshot_path/up", "\3abc\n../../etc/passwd"
    yield "snapshot_path/absolute", "\3abc\n/etc/passwd"
    yield "snapshot_path/nul", "\3abc\na\0b"
    head = json.dumps({"format": "co_perception frames 1", "classes": ["a"]}) + "\n"
    record: dict[str, Any] = {"recording": "r", "stamp_ns": 5, "subject": "p", "status": "valid", "label": "a", "truth": None, "progress": 1.0, "delay_ns": 0, "missing": 0, "probabilities": [1.0]}  # fmt: skip
    odd: dict[str, dict[str, Any]] = {
        "status_is_a_number": {"status": 3},
        "stamp_is_a_text": {"stamp_ns": "5"},
        "stamp_of_400_digits": {"stamp_ns": 10**400},
        "delay_is_a_text": {"delay_ns": "5"},
        "subject_is_a_list": {"subject": []},
        "probability_too_large": {"probabilities": [10**400]},
        "progress_is_nan": {"progress": float("nan")},
    }
    for name, changed in odd.items():
        yield f"records/{name}", head + json.dumps(record | changed) + "\n"
    yield "latencies/no_key", '{"latency_s": 1}\n'
    yield "latencies/key_is_a_list", '{"key": [[], 1, 2], "latency_s": 1}\n'
    saved = json.loads((shipped("costgcn_short_poses") / "metadata.json").read_text())
    for name, changes in {
        "channels_of_a_billion": {"channels": [10**9] * 4},
        "channels_are_texts": {"channels": ["a"] * 4},
        "labels_are_a_number": {"labels": 5},
        "labels_are_numbers": {"labels": [1, 2]},
        "labels_repeat": {"labels": ["a", "a"]},
        "weights_elsewhere": {"weights": "../../../etc/passwd"},
        "endless_pool": {"pool": 10**12},
        "window_is_a_text": {"window": "16"},
        "rate_is_nan": {"rate_hz": float("nan")},
        "kind_is_a_list": {"kind": []},
        "no_version": {"version": None},
    }.items():
        yield f"metadata/{name}", json.dumps(saved | changes)
    yield from _bundles()


def _bundles() -> Iterator[tuple[str, str]]:
    """Descriptions of programs that take or give more than there is."""
    saved = json.loads((shipped("cotcn_everyday") / "bundle/bundle.json").read_text())
    [step] = saved["steps"]
    cold, leaf = step["programs"]["cold"], step["states"][0]
    places = [[True, 10**9], *cold["rotation"][1:]]
    for name, changes in {
        "stride_of_a_billion": {"stride": 10**12},
        "frame_of_exabytes": {"frame_shape": [2**26] * 9},
        "states_of_exabytes": {"states": [leaf | {"shape": [2**26, 2**26]}, *step["states"][1:]]},
        "leaf_of_objects": {"states": [leaf | {"dtype": "object"}, *step["states"][1:]]},
        "leaves_share_a_name": {"states": [leaf] * len(step["states"])},
        "leaf_from_nowhere": {"programs": step["programs"] | {"cold": cold | {"rotation": places}}},
        "program_elsewhere": {"programs": {"../../etc/passwd": cold}},
        "no_program": {"programs": {}},
        "another_answer": {"answer_shape": [3]},
    }.items():
        yield f"bundle/{name}", json.dumps(saved | {"steps": [step | changes]})
    yield "bundle/no_steps", json.dumps(saved | {"steps": []})
    yield "bundle/steps_are_a_number", json.dumps(saved | {"steps": 5})
    yield "bundle/later_version", json.dumps(saved | {"version": 10**40})


def _merged() -> str:
    """YAML with mappings that hold the one before ten times each."""
    lines = ["a0: &-0 {k: 1}"]
    for n in range(1, 10):
        lines += [f"a{n}: &-{n}", "  <<:", *[f"  - *-{n - 1}"] * 10]
    return "\n".join(lines) + "\n"


def _pickles() -> Iterator[tuple[str, bytes]]:
    bomb = _doubled()
    yield "pickle/doubled_40_times", pickle.dumps({"params": bomb}, 4)
    endless: list[Any] = []
    endless.append(endless)
    yield "pickle/holds_itself", pickle.dumps(endless, 4)
    yield "pickle/key_of_doubled_tuples", _key_of_doubled_tuples()
    yield "pickle/key_that_is_an_array", _keyed(pickle.dumps(np.ones(2), 2))
    yield "pickle/deep", b"\x80\x04" + b"]" * 3000 + b"a" * 2999 + b"."
    yield "pickle/claims_bytes", b"\x80\x04\x8e" + struct.pack("<Q", 2**33) + b"."
    yield "pickle/claims_bytearray", b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"."
    yield "pickle/claims_frame", b"\x80\x04\x95" + struct.pack("<Q", 2**33) + b"N."
    yield "pickle/claims_text", b"\x80\x04X" + struct.pack("<I", 2**31) + b"."
    yield "pickle/remembers_far", b"\x80\x04Nr" + struct.pack("<I", 2**31) + b"."
    yield "pickle/runs", b"cos\nsystem\n(S'touch marker'\ntR."
    yield "pickle/extension", b"\x80\x02\x82\x01."
    annotations: list[Any] = [{"frame_dir": "a", "label": 0, "keypoint": np.ones((1, 1, 17, 2), np.float32)}] * 2
    yield "pyskl/doubled", pickle.dumps({"annotations": annotations + [bomb, endless]}, 4)
    kinds = {"annotations": [1, "a", None, {}, {"frame_dir": 3}], "split": 3}
    yield "pyskl/annotations_of_all_kinds", pickle.dumps(kinds, 4)
    yield "pyskl/label_far", pickle.dumps({"annotations": [annotations[0] | {"label": 10**9}]}, 4)
    channels = ["ax", "ay", "az", "wx", "wy", "wz"]
    names = ("X", "y", "y_labels", "subject", "side", "X_labels")
    for name, values in {
        "no_lists": (1, 2, 3, 4, 5, channels),
        "items_are_texts": (["a"], ["b"], ["c"], ["d"], ["e"], channels),
        "label_not_there": ([np.ones((3, 6))], [7], [[]], [1], [1], channels),
        "channels_are_a_number": ([], [], [], [], [], 5),
    }.items():
        buffer = io.BytesIO()
        np.save(buffer, np.array(dict(zip(names, values, strict=True)), dtype=object), allow_pickle=True)
        yield f"watch/{name}", buffer.getvalue()
    shape = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }"
    yield "watch/header_of_lies", b"\x93NUMPY\x01\0" + struct.pack("<H", 80) + shape.ljust(79) + b"\n"
    call = b"__import__('os').system('touch marker')"
    yield "watch/header_runs", b"\x93NUMPY\x01\0" + struct.pack("<H", 60) + call.ljust(59) + b"\n"
    yield "watch/header_nested", b"\x93NUMPY\x01\0" + struct.pack("<H", 9000) + (b"(" * 8998) + b"\n"


def _checkpoints() -> Iterator[tuple[str, bytes]]:
    whole = safetensors_bytes({"fc.weight": torch.ones(2, 3)})
    size = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + size])
    yield "safetensors/header_too_long", struct.pack("<Q", 2**62) + whole[8:]
    for name, changed in {
        "beyond_its_end": {"data_offsets": [0, 2**40]},
        "shape_too_large": {"shape": [2**31, 2**31]},
        "overflowing": {"shape": [2**63, 2]},
    }.items():
        text = json.dumps({"fc.weight": header["fc.weight"] | changed}).encode()
        yield f"safetensors/{name}", struct.pack("<Q", len(text)) + text + whole[8 + size :]
    for name, words in {
        "no_label": {"show.0": "\nmonday"},
        "more_labels_than_vectors": {"show.0": "wave", "show.1": "sit"},
        "names_that_do_not_count": {"show.7": "wave"},
    }.items():
        yield f"gallery/{name}", safetensors_bytes({"show.0": torch.ones(3)}, words)
    for name, vector in {
        "another_length": torch.ones(4),
        "endless": torch.tensor([1.0, float("inf"), 0.0]),
        "beyond_single_precision": torch.tensor([1e300, 0.0, 0.0], dtype=torch.float64),
        "whole_numbers": torch.ones(3, dtype=torch.int64),
        "halves": torch.ones(3, dtype=torch.bfloat16),
        "table": torch.ones(1, 3),
    }.items():
        yield f"gallery/{name}", safetensors_bytes({"show.0": vector}, {"show.0": "wave"})
    yield "gallery/header_too_long", struct.pack("<Q", 2**62) + whole[8:]
    yield "safetensors/deep", struct.pack("<Q", len(DEEP)) + DEEP.encode()
    expanded = torch.ones(1).expand(10**11)
    for target, wrapped in (
        ("torch", {"head.projection.weight": expanded.view(10, 10**5, 10**5)}),
        ("training", {"network": {"a": expanded}}),
    ):
        yield f"{target}/one_number_seen_often", _saved(wrapped)
        zeros = _saved({"fc.weight": torch.zeros(2 * 10**6)})  # compressed, as torch writes none
        yield f"{target}/packed_zeros", _changed(zeros, {}, zipfile.ZIP_DEFLATED)
        yield f"{target}/runs", _saved(_Runs())
        yield f"{target}/key_of_doubled_tuples", _changed(_saved({}), {"data.pkl": _key_of_doubled_tuples()})
    yield "torch/doubled_40_times", _saved({"model": _doubled()})
    yield "torch_pickle/key_of_doubled_tuples", _key_of_doubled_tuples()
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    yield "torch/legacy_key_of_doubled_tuples", b"".join(head) + _key_of_doubled_tuples() + pickle.dumps([], 2)
    legacy = _saved({"fc.weight": torch.ones(2, 3)}, _use_new_zipfile_serialization=False)
    most = b"J" + struct.pack("<i", 2**31 - 1)
    yield "torch/legacy_claims", legacy.replace(b"K\x06N", most + b"N").replace(b"K\x06t", most + b"t")
    yield "torch/legacy_storage_claims", legacy[:-32] + struct.pack("<q", 2**40) + legacy[-24:]


def _doubled() -> list[Any]:
    bomb: list[Any] = []
    for _ in range(40):
        bomb = [bomb, bomb]
    return bomb


def _key_of_doubled_tuples() -> bytes:
    """A dict with a key that takes years to hash."""
    key: tuple[Any, ...] = ()
    for _ in range(60):
        key = (key, key)
    return _keyed(pickle.dumps(key, 2))


def _keyed(key: bytes) -> bytes:
    """The pickle of a dict with that key, itself a pickle."""
    return b"\x80\x02}" + key[2:-1] + b"K\x01s."


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ("touch marker",)


def _saved(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def _changed(archive: bytes, contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive with other contents for the files of some names, whatever folder they are in."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(buffer, "w", compression) as to:
        for name in source.namelist():
            # ZipInfo by itself: or the time of day would be in it
            content = contents.get(name.rpartition("/")[2], source.read(name))
            to.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def _states() -> Iterator[tuple[str, bytes]]:
    """Running states whose notes say other things than their numbers."""
    people = (CORPUS / "people_streams/0_one").read_bytes()
    odd: dict[str, dict[str, str | None]] = {
        "no_ids": {"ids": None},
        "ids_are_a_number": {"ids": "5"},
        "ids_are_lists": {"ids": "[[1]]"},
        "more_ids_than_rows": {"ids": '["p", "q", "r"]'},
        "ids_repeat": {"ids": '["p", "p"]'},
        "slots_are_a_number": {"slots": "5"},
        "slots_of_others": {"slots": '[["z", 99999999999]]'},
        "deep": {"ids": DEEP},
    }
    for name, notes in odd.items():
        yield f"people_streams/{name}", _noted(people, notes)
    video = (CORPUS / "video_streams/0_one").read_bytes()
    about = json.loads(json.loads(video[8 : 8 + struct.unpack("<Q", video[:8])[0]])["__metadata__"]["streams"])[0]
    for name, changed in {
        "waits_for_half_a_frame": {"waiting": [0.5, 1]},
        "waiting_is_a_number": {"waiting": 5},
        "frames_of_400_digits": {"frames": 10**400},
        "frames_below_zero": {"frames": -(10**30)},
        "id_is_a_list": {"id": [1]},
    }.items():
        yield f"video_streams/{name}", _noted(video, {"streams": json.dumps([about | changed])})
    yield "video_streams/deep", _noted(video, {"streams": DEEP})
    yield "video_streams/nobody", _noted(video, {"streams": "[]"})


def _noted(file: bytes, changed: dict[str, str | None]) -> bytes:
    size = struct.unpack("<Q", file[:8])[0]
    header = json.loads(file[8 : 8 + size])
    notes = header["__metadata__"] | changed
    header["__metadata__"] = {key: value for key, value in notes.items() if value is not None}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + file[8 + size :]


def _recordings() -> Iterator[tuple[str, bytes]]:
    whole = (CORPUS / "mcap/0_people").read_bytes()
    yield "mcap/cut_off", whole[: len(whole) // 2]
    yield "mcap/record_of_exabytes", whole[:8] + b"\x01" + struct.pack("<Q", 2**62) + whole[17:]
    yield "mcap/message_of_gigabytes", _unindexed(b"\x05" + struct.pack("<Q", 2**33) + bytes(22))
    from backports import zstd

    zeros = zstd.compress(bytes(2**28), 19)
    for name, claimed in (("claims_less", 2**16), ("claims_more", 2**40)):
        chunk = struct.pack("<QQQI", 0, 1, claimed, 0) + _text("zstd") + struct.pack("<Q", len(zeros)) + zeros
        yield f"mcap/chunk_that_{name}", _unindexed(b"\x06" + struct.pack("<Q", len(chunk)) + chunk)
    rule = "=" * 80 + "\nMSG: std_msgs"
    for name, definition in {
        "array_of_a_billion_texts": "string[1000000000] x",
        "arrays_of_nothing": f"A[4000] a\n{rule}/A\nB[4000] a\n{rule}/B\nuint8[0] a\n",
        "holds_itself": "String a",
        "keyword": "string class\nstring None\nstring self",
        "shifted": "string data 1\nint32 X=1\n",
        "definition_runs": 'string data\n# """\nimport os; os.system("touch marker")\n',
    }.items():
        yield f"mcap/{name}", _unindexed(_topic("std_msgs/msg/String", definition) + _message(b"\0\1\0\0" + bytes(64)))
    yield "mcap/type_runs", _unindexed(_topic('x/msg/Y"""\nimport os\n#', "string data") + _message(bytes(68)))
    yield (
        "sqlite/endless_view",
        _database(
            "CREATE VIEW topics AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, 'a' AS name, 'std_msgs/msg/String' AS type, 'cdr' AS serialization_format, '' AS offered_qos_profiles FROM n"
        ),
    )
    yield (
        "sqlite/endless_column",
        _database(
            "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT, offered_qos_profiles TEXT GENERATED ALWAYS AS (hex(zeroblob(400000000))) VIRTUAL); INSERT INTO topics VALUES (1, 'a', 'std_msgs/msg/String', 'cdr')"
        ),
    )
    metadata = (CORPUS / "bag_folder/0_whole").read_text()
    aliases = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))
    yield "bag_folder/aliases", f"a0: &a0 [0]\n{aliases}\n{metadata}".encode()
    yield "bag_folder/elsewhere", metadata.replace("recording.mcap", "../../../../etc/passwd").encode()
    yield "bag_folder/tag", b"!!python/object/apply:os.system [touch marker]\n"
    yield "bag_folder/deep", DEEP.encode()


def _unindexed(records: bytes) -> bytes:
    """An MCAP file without a summary."""
    head = struct.pack("<I", 4) + b"ros2" + struct.pack("<I", 0)
    end = b"\x0f" + struct.pack("<Q", 4) + bytes(4) + b"\x02" + struct.pack("<Q", 20) + bytes(20)
    magic = b"\x89MCAP0\r\n"
    return magic + b"\x01" + struct.pack("<Q", len(head)) + head + records + end + magic


def _topic(kind: str, definition: str) -> bytes:
    schema = struct.pack("<H", 1) + _text(kind) + _text("ros2msg") + _text(definition)
    channel = struct.pack("<HH", 1, 1) + _text("/a") + _text("cdr") + struct.pack("<I", 0)
    return b"\x03" + struct.pack("<Q", len(schema)) + schema + b"\x04" + struct.pack("<Q", len(channel)) + channel


def _message(content: bytes) -> bytes:
    record = struct.pack("<HIQQ", 1, 0, 5, 5) + content
    return b"\x05" + struct.pack("<Q", len(record)) + record


def _text(value: str) -> bytes:
    return struct.pack("<I", len(value.encode())) + value.encode()


def _database(topics: str) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.db3"
        connection = sqlite3.connect(path)
        connection.executescript(
            f"PRAGMA page_size = 512; CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB); INSERT INTO messages VALUES (1, 1, 5, x'00010000'); {topics};"
        )
        if "VIEW" in topics:  # readers look for a table of that name
            connection.executescript(
                "PRAGMA writable_schema = ON; UPDATE sqlite_master SET type = 'table' WHERE name = 'topics';"
            )
        connection.commit()
        connection.close()
        return path.read_bytes()


if __name__ == "__main__":
    main()
