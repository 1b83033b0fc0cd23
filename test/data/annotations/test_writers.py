"""Annotations written for other tools: what they read by their schemas, and what comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

from co_perception.data.annotations.elan_writer import write_elan
from co_perception.data.annotations.foxglove_events import LAST_NS, write_events
from co_perception.data.annotations.intervals import Interval, checked
from co_perception.data.annotations.sources import read_any
from co_perception.data.annotations.video_annotations import read_elan
from co_perception.data.annotations.writers import write_any

MILLI, SECOND = 1_000_000, 1_000_000_000
T0 = 1_700_000_000 * SECOND
ROWS = [
    Interval(0, 2500 * MILLI, "sit, down", "", True),
    Interval(40 * MILLI, 1001 * MILLI, 'stößt "hart" & <schnell>', "Jürgen; Anna", True),
    Interval(1001 * MILLI, 1002 * MILLI, "wave", "Jürgen; Anna", True),
    Interval(2500 * MILLI, 7250 * MILLI, "手を振る", "default", True),
    Interval(2500 * MILLI, 9000 * MILLI, "raising", "", True, "", "arms, left"),
]


@pytest.mark.parametrize("ending", ["csv", "json", "eaf", "mcap"])
@pytest.mark.parametrize("relative", [True, False], ids=["seconds", "stamps"])
def test_each_format_gives_back_what_was_written(tmp_path: Path, ending: str, relative: bool) -> None:
    rows = ROWS if relative else [each.shifted(T0) for each in ROWS]
    path = tmp_path / f"kitchen.{ending}"
    write_any(path, rows, T0)
    back = [each.shifted(T0) for each in read_any(path)]
    assert back == checked(each.shifted(T0) for each in ROWS)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)


@given(
    st.lists(
        st.tuples(st.integers(1, 5000), st.integers(0, 3000), TEXTS, st.sampled_from(["", "default", "a", "a b"]),
                  st.sampled_from(["", "arms", "x"])),
        max_size=8,
    ),
    st.sampled_from(["", "monday, 1"]),
)  # fmt: skip
def test_any_labels_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, str, str, str]], recording: str
) -> None:
    ends: dict[tuple[str, str], int] = {}
    intervals = list[Interval]()
    for length, gap, label, subject, group in rows:
        start = ends.get((subject, group), 0) + gap
        ends[subject, group] = start + length
        intervals.append(Interval(start * MILLI, (start + length) * MILLI, label, subject, True, recording, group))
    folder = tmp_path_factory.mktemp("any")
    for ending in ("csv", "eaf"):
        write_any(folder / f"a.{ending}", intervals)
        assert read_any(folder / f"a.{ending}") == checked(intervals)
    stamped = [each.shifted(T0) for each in intervals]
    write_any(folder / "a.mcap", stamped)
    assert not stamped or read_any(folder / "a.mcap") == checked(stamped)


def test_an_elan_file_has_the_parts_that_its_schema_asks_for(tmp_path: Path) -> None:
    """EAF 3.0: what is required, ids that are unique and refer to what is there, slots in rising order per tier."""
    write_elan(tmp_path / "a.eaf", [replace(each, recording="monday") for each in ROWS], tmp_path / "müll 1.mp4")
    root = ElementTree.parse(tmp_path / "a.eaf").getroot()
    assert root.tag == "ANNOTATION_DOCUMENT"
    assert {"AUTHOR", "DATE", "VERSION"} <= set(root.keys()) and root.get("FORMAT") == "3.0"
    assert [child.tag for child in root] == ["HEADER", "TIME_ORDER", *["TIER"] * 4, *["LINGUISTIC_TYPE"] * 2]
    [medium] = root.iter("MEDIA_DESCRIPTOR")
    assert medium.get("MEDIA_URL", "").startswith("file:///") and medium.get("MIME_TYPE")
    slots = {str(each.get("TIME_SLOT_ID")): int(each.get("TIME_VALUE", "")) for each in root.iter("TIME_SLOT")}
    assert len(slots) == 2 * len(ROWS)
    types = {each.get("LINGUISTIC_TYPE_ID") for each in root.iter("LINGUISTIC_TYPE")}
    assert {tier.get("LINGUISTIC_TYPE_REF") for tier in root.iter("TIER")} <= types
    names = [tier.get("TIER_ID") for tier in root.iter("TIER")]
    assert len(set(names)) == len(names)
    found = list(root.iter("ALIGNABLE_ANNOTATION"))
    assert len({each.get("ANNOTATION_ID") for each in found}) == len(ROWS)
    spans = {(slots[str(each.get("TIME_SLOT_REF1"))], slots[str(each.get("TIME_SLOT_REF2"))]) for each in found}
    assert spans == {(each.start_ns // MILLI, each.end_ns // MILLI) for each in ROWS}


def test_foxglove_reads_events_by_its_own_definition(tmp_path: Path) -> None:
    """Read by MCAP's own library and its decoder of ROS 2, with the definition in the file."""
    rows = [replace(each.shifted(T0), recording="monday") for each in ROWS]
    write_events(tmp_path / "a.mcap", rows)
    with (tmp_path / "a.mcap").open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        summary = reader.get_summary()
        found = [(schema.name, channel.topic, message.log_time, event)
                 for schema, channel, message, event in reader.iter_decoded_messages() if schema]  # fmt: skip
    assert summary and summary.statistics and summary.statistics.message_count == len(rows)
    assert {name for name, *_ in found} == {"foxglove_msgs/msg/Event"}
    told = [({each.key: each.value for each in event.metadata}, event) for *_, event in found]
    for row, (words, event), (*_, at_ns, _) in zip(checked(rows), told, found, strict=True):
        assert words["label"] == row.label and words.get("subject", "") == row.subject
        assert words.get("group", "") == row.group and words["recording"] == "monday"
        first, last = event.start_time, event.end_time
        assert first.sec * SECOND + first.nanosec == row.start_ns == at_ns
        assert last.sec * SECOND + last.nanosec == row.end_ns - 1  # its end is a part of it


def test_events_are_not_made_a_part_of_a_recording(tmp_path: Path) -> None:
    """All of the recording's times would count from the first event then."""
    (tmp_path / "metadata.yaml").write_text("rosbag2_bagfile_information: {}\n")
    with pytest.raises(ValueError, match="write the events beside the folder"):
        write_any(tmp_path / "events.mcap", [Interval(5, 10, "wave")])
    assert not (tmp_path / "events.mcap").exists()


def test_the_last_stamp_of_ros_is_one(tmp_path: Path) -> None:
    rows = [Interval(0, 1, "first"), Interval(LAST_NS - 1, LAST_NS, "last")]
    write_any(tmp_path / "a.mcap", rows)
    assert read_any(tmp_path / "a.mcap") == rows


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("a.txt", ROWS, "ends in .csv, .json, .eaf, .mcap"),
        ("a.mcap", ROWS, r"have time since the start, and .mcap has stamps: name the recording .*--bag"),
        ("a.eaf", [ROWS[0].shifted(T0)], r"have stamps, and .eaf has time since the start"),
        ("a.eaf", [replace(ROWS[0], end_ns=400_000)], "shorter than ELAN's millisecond"),
        ("a.eaf", [replace(ROWS[0], label="two  spaces")], "does not keep"),
        ("a.eaf", [replace(ROWS[0], label="bell\a")], "no XML"),
        ("a.eaf", [replace(ROWS[0], recording="a"), replace(ROWS[3], recording="b")], "one file for each"),
        ("a.eaf", [ROWS[0], replace(ROWS[0], label="other")], "overlap"),
        ("a.mcap", [Interval(-5, 10, "wave")], "no stamp of ROS"),
        ("a.mcap", [Interval(2**62, 2**62 + 1, "wave")], "no stamp of ROS"),
        ("a.mcap", [Interval(0, LAST_NS + 1, "wave")], "no stamp of ROS"),
    ],
)  # fmt: skip
def test_what_a_format_cannot_hold_is_refused_and_the_file_stays(
    tmp_path: Path, name: str, rows: list[Interval], message: str
) -> None:
    (tmp_path / name).write_text("earlier")
    with pytest.raises(ValueError, match=message):
        write_any(tmp_path / name, rows)
    assert (tmp_path / name).read_text() == "earlier"
    assert len(list(tmp_path.iterdir())) == 1


def test_times_before_the_start_are_not_for_elan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="begins 1000 ms before the recording"):
        write_any(tmp_path / "a.eaf", [Interval(T0 - SECOND, T0 + SECOND, "wave")], T0)


def test_a_type_that_is_no_group_is_none(tmp_path: Path) -> None:
    write_elan(tmp_path / "a.eaf", [ROWS[1]])
    text = (tmp_path / "a.eaf").read_text().replace("default-lt", "praise group:x")
    (tmp_path / "a.eaf").write_text(text)
    assert read_elan(tmp_path / "a.eaf") == [ROWS[1]]
