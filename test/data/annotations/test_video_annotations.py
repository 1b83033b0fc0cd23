"""ELAN files and subtitles: tiers and voices become subjects; other files and malicious ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from co_perception.data.annotations import video_annotations
from co_perception.data.annotations.intervals import Interval
from co_perception.data.annotations.video_annotations import read_elan, read_webvtt

# As ELAN 3.0 files look: named instants, a tier on its own, one that hangs on it, and one whose times are unaligned.
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-05-02T10:00:00+01:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///kitchen.mp4" MIME_TYPE="video/mp4"/>
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///kitchen.wav" MIME_TYPE="audio/x-wav" TIME_ORIGIN="500"/>
    <PROPERTY NAME="lastUsedAnnotationId">5</PROPERTY>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="2500"/>
    <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="7250"/>
    <TIME_SLOT TIME_SLOT_ID="ts3"/>
    <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="9000"/>
    <TIME_SLOT TIME_SLOT_ID="ts5" TIME_VALUE="12001"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="Anna - activity" PARTICIPANT="Anna">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>wave &amp; go</ANNOTATION_VALUE>
    </ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts4" TIME_SLOT_REF2="ts5">
      <ANNOTATION_VALUE>  sit
        down </ANNOTATION_VALUE>
    </ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="note" TIER_ID="how" PARENT_REF="Anna - activity" PARTICIPANT="Anna">
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1">
      <ANNOTATION_VALUE>fast</ANNOTATION_VALUE>
    </REF_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3">
      <ANNOTATION_VALUE>left hand</ANNOTATION_VALUE>
    </ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="default">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a5" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE>walk</ANNOTATION_VALUE>
    </ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="Ben"/>
  <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>
"""
WAVE = Interval(2_500_000_000, 7_250_000_000, "wave & go", "Anna", relative=True)
WALK = Interval(7_250_000_000, 9_000_000_000, "walk", relative=True)
SIT = Interval(9_000_000_000, 12_001_000_000, "sit down", "Anna", relative=True)


def write(tmp_path: Path, text: str, ending: str = "eaf") -> Path:
    path = tmp_path / f"kitchen.{ending}"
    path.write_text(text, encoding="utf-8")
    return path


def test_tiers_become_subjects(tmp_path: Path) -> None:
    path = write(tmp_path, DOCUMENT)
    assert read_elan(path) == [WAVE, WALK, SIT]
    assert read_elan(path, ["default"]) == [WALK]
    assert read_elan(path, ["Ben"]) == []
    path = write(tmp_path, DOCUMENT.replace(' PARTICIPANT="Anna"', ""))
    assert [interval.subject for interval in read_elan(path)] == ["Anna - activity", "", "Anna - activity"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</ANNOTATION_DOCUMENT>", "", "no XML"),
        ("ANNOTATION_DOCUMENT", "svg", "this is a svg"),
        ('<?xml version="1.0" encoding="UTF-8"?>', "hello", "no XML"),
        ('TIME_UNITS="milliseconds"', 'TIME_UNITS="NTSC-frames"', "in NTSC-frames"),
        ('MIME_TYPE="video/mp4"', 'MIME_TYPE="video/mp4" TIME_ORIGIN="1200"', "begins at 1200 ms.*offset to 0"),
        ('TIME_VALUE="7250"', 'TIME_VALUE="2500"', "tier Anna - activity, 2500 to 2500 ms: .*not after its start"),
        ('TIME_VALUE="7250"', 'TIME_VALUE="soon"', "soon"),
        ('TIME_VALUE="7250"', "", "'wave & go' in tier Anna - activity has no time"),
        ("wave &amp; go", "", "2500 to 7250 ms: an interval needs a label"),
        ('TIME_SLOT_REF1="ts1"', 'TIME_SLOT_REF1="ts99"', "damaged.*ts99"),
        ('TIME_SLOT_ID="ts2"', 'TIME_SLOT_ID="ts1"', "two instants of the name 'ts1'"),
        ('TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts4"', 'TIME_SLOT_REF1="ts2"', "damaged.*TIME_SLOT_REF2"),
        ('TIER_ID="default"', 'TIER_ID="x" PARTICIPANT="Anna"', None),
        ('"ts2" TIME_SLOT_REF2="ts4"', '"ts2" TIME_SLOT_REF2="ts5"', None),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    assert old in DOCUMENT
    path = write(tmp_path, DOCUMENT.replace(old, new))
    if message is None:
        assert len(read_elan(path)) == 3
        return
    with pytest.raises(ValueError, match=message) as caught:
        read_elan(path)
    assert "kitchen.eaf" in str(caught.value)


def test_overlaps_and_tiers_that_are_not_there_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, DOCUMENT.replace('TIER_ID="default"', 'TIER_ID="feet" PARTICIPANT="Anna"'))
    with pytest.raises(ValueError, match="no tier Berta; there are Anna - activity, how, feet, Ben"):
        read_elan(path, ["Berta"])
    later = path.read_text(encoding="utf-8").replace('TIME_VALUE="7250"', 'TIME_VALUE="9500"')
    with pytest.raises(ValueError, match="overlap"):
        read_elan(write(tmp_path, later.replace('"ts2" TIME_SLOT_REF2="ts4"', '"ts1" TIME_SLOT_REF2="ts4"')))
    with pytest.raises(FileNotFoundError):
        read_elan(tmp_path / "none.eaf")


@pytest.mark.parametrize(
    "trap",
    [
        '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "http://localhost:1/never.dtd">',
    ],
)
def test_entities_are_not_read(tmp_path: Path, trap: str) -> None:
    document = DOCUMENT.replace("?>", f"?>{trap}", 1).replace("wave &amp; go", "&secret;&b;")
    with pytest.raises(ValueError, match="document type"):
        read_elan(write(tmp_path, document))


def test_a_deep_document_and_a_huge_one_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = DOCUMENT.replace("<TIME_ORDER>", "<X>" * 200_000 + "</X>" * 200_000 + "<TIME_ORDER>")
    assert read_elan(write(tmp_path, deep)) == [WAVE, WALK, SIT]
    monkeypatch.setattr(video_annotations, "MOST_BYTES", 1024)
    with pytest.raises(ValueError, match="more than"):
        read_elan(write(tmp_path, DOCUMENT))


SUBTITLES = """\ufeffWEBVTT - kitchen
Kind: captions

NOTE who waves
is Anna

STYLE
::cue { color: red }

1
00:02.500 --> 00:07.250 align:start position:0%
wave

a name with words
01:00:09.000\t-->\t01:00:12.001
<v Anna>walk
<v.loud  Ben  Smith ><i>sit</i> <c.big>&amp; talk</c></v>
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_cues_become_intervals(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "kitchen.vtt"
    path.write_bytes(SUBTITLES.replace("\n", line_end).encode())
    assert read_webvtt(path) == [
        Interval(2_500_000_000, 7_250_000_000, "wave", relative=True),
        Interval(3_609_000_000_000, 3_612_001_000_000, "walk", "Anna", relative=True),
        Interval(3_609_000_000_000, 3_612_001_000_000, "sit & talk", "Ben Smith", relative=True),
    ]


HEAD = "WEBVTT\n\n00:02.000 --> 00:03.000\n"
TWO = 2_000_000_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("WEBVTT\n00:02.000 --> 00:03.000\nwave\n", [("wave", "")]),  # header-timings.vtt of web-platform-tests
        ("WEBVTT\nKind: captions\n00:02.000 --> 00:03.000\nwave\n", [("wave", "")]),
        (f"{HEAD}wave\n00:03.000 --> 00:04.000\nsit\n", [("wave", ""), ("sit", "")]),
        (f"{HEAD}<v Anna>walk\nslowly\n", None),
        (f"{HEAD}<v Anna>walk</v>\n<v Ben>sit\n", [("walk", "Anna"), ("sit", "Ben")]),
        (f"{HEAD}<v Anna>walk</v>\nrain\n", [("rain", ""), ("walk", "Anna")]),
        (f"{HEAD}wave\u2028once\n", [("wave once", "")]),
        (f"{HEAD}wave\x0conce\r", [("wave once", "")]),
    ],
)
def test_cues_are_those_of_the_standard_s_parser(
    tmp_path: Path, text: str, found: list[tuple[str, str]] | None
) -> None:
    path = write(tmp_path, text, "vtt")
    if found is None:  # a voice goes on until it ends
        with pytest.raises(ValueError, match="of Anna overlap"):
            read_webvtt(path)
        return
    assert [(each.label, each.subject) for each in read_webvtt(path)] == found
    assert read_webvtt(path)[0].start_ns == TWO


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n00:02.500 --> 00:07.250\nwave\n", "begins with a line WEBVTT"),
        ("WEBVTTX\n", "begins with a line WEBVTT"),
        ("", "begins with a line WEBVTT"),
        ("WEBVTT\n\n00:02,500 --> 00:07.250\nwave\n", "line 3: a time is written 00:02.500.*'00:02,500'"),
        ("WEBVTT\n\n00:02.500 --> 00:70.250\nwave\n", "line 3: a time is written"),
        ("WEBVTT\n\n00:02.500 -->\nwave\n", "line 3: a time is written"),
        (HEAD, "line 3: there is no label below these times"),
        (f"{HEAD}00:03.000 --> 00:04.000\nwave\n", "line 3: there is no label"),
        (f"{HEAD}<v Anna>walk</v> <v Ben>sit\n", "line 4: several voices"),
        ("WEBVTT\n\nNOTE\n00:02.000 --> 00:03.000\nwave\n", "line 4: times in a NOTE"),
        ("WEBVTT\n\nwave\n", "line 4: expected times"),
        ("WEBVTT\n\nname\nwave\n", "line 4: expected times"),
        ("WEBVTT\n\n00:02.500 --> 00:02.500\nwave\n", "line 4: .*not after its start"),
        ("WEBVTT\n\n00:02.500 --> 00:03.500\n<v Anna>\n", "line 4: an interval needs a label"),
        ("WEBVTT\n\n00:02.500 --> 00:05.500\nwave\n\n00:03.000 --> 00:06.000\nsit\n", "overlap"),
        ("WEBVTT\n\n00:02.500 --> 00:05.500\nwave\nand sit\n", "overlap"),
    ],
)
def test_what_is_wrong_in_subtitles_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_webvtt(write(tmp_path, text, "vtt"))
    assert "kitchen.vtt" in str(caught.value)


def test_other_bytes_and_huge_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kitchen.vtt"
    path.write_bytes(b"WEBVTT\n\n\xff\xfe\n")
    with pytest.raises(ValueError, match=r"kitchen\.vtt"):
        read_webvtt(path)
    monkeypatch.setattr(video_annotations, "MOST_BYTES", 16)
    with pytest.raises(ValueError, match="more than"):
        read_webvtt(write(tmp_path, SUBTITLES, "vtt"))
