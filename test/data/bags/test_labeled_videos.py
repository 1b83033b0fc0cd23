"""Annotated recordings as videos: what the node's clock takes of their pictures, cut by the annotations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND
from helpers.picture_bag import NUMBERS, T0, picture, stamp_ns, write_picture_bag

from co_perception.data.annotations.intervals import Interval
from co_perception.data.bags.labeled_videos import BagClip, video_bag_samples
from co_perception.data.samples import Samples
from co_perception.online.pacing import Pacer, Verdict

RATE_HZ = 5.0


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_picture_bag(tmp_path_factory.mktemp("bags") / "bag")


def clips_of(samples: Samples) -> list[BagClip]:
    return [item.data for item in samples.items if isinstance(item.data, BagClip)]


def test_annotated_parts_and_background(bag: Path) -> None:
    samples, skipped = video_bag_samples([bag], None, RATE_HZ, "nothing")
    assert samples.classes == ("wave", "nothing") and not skipped
    spans = [(round(clip.start_s, 1), round(clip.end_s, 1)) for clip in clips_of(samples)]
    assert spans == [(2, 4), (0, 2), (4, 6.1), (0, 2.1)] and samples.labels == [0, 1, 1, 1]
    assert samples.items[0].subject == "anna" and {item.recording for item in samples.items} == {str(bag)}
    assert len({item.group for item in samples.items}) == 4
    assert video_bag_samples([bag], None, RATE_HZ)[0].classes == ("wave",)


def test_the_pictures_are_those_that_the_node_would_take(bag: Path) -> None:
    """The reference is the recognizer's own pacer; a missing tick shows the picture before once more."""
    first, *_, last = clips_of(video_bag_samples([bag], None, RATE_HZ, "nothing")[0])
    shown = list(first.pictures())
    np.testing.assert_allclose([time_s for _, time_s in shown], np.arange(31) / RATE_HZ)
    pacer, taken = Pacer(RATE_HZ, 1.0), dict[int, int]()
    for number in NUMBERS[: NUMBERS.index(80)]:
        admitted = pacer.admit(stamp_ns(number))
        if admitted.verdict == Verdict.TAKE:
            taken[admitted.tick] = number
    assert 15 not in taken
    expected = [picture(20 <= (n := taken.get(tick, taken[14])) < 40, n) for tick in range(31)]
    assert all(np.array_equal(pixels, wanted) for (pixels, _), wanted in zip(shown, expected, strict=True))
    video = first()
    assert video.data.shape == (3, 10, 48, 64) and video.rate_hz == RATE_HZ
    assert first.content() == first.content() != last.content()  # after the gap another stream began


def test_a_scene_has_one_activity_at_a_time(bag: Path) -> None:
    two = [
        Interval(T0, T0 + 2 * SECOND, "wave", "anna"),
        Interval(T0 + SECOND, T0 + 3 * SECOND, "sit", "ben"),
        Interval(T0 + 4 * SECOND, T0 + 5 * SECOND, "sit", "ben"),
    ]
    samples, skipped = video_bag_samples([bag], two, RATE_HZ)
    assert samples.counts() == {"sit": 1} and len(list(skipped)) == 2
    assert "while another activity is" in skipped.report()
