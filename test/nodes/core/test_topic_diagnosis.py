"""Each cause of a silent topic is named with its remedy."""

from __future__ import annotations

from typing import Any

import pytest

from co_perception.nodes.core.topic_diagnosis import IMAGES, Publisher, explain, other_clock

IMAGE = "sensor_msgs/msg/Image"
GOOD = Publisher("/cam", IMAGE, reliable=True)
LOSSY = Publisher("/cam", IMAGE, reliable=False)
CODED = Publisher("/cam", "sensor_msgs/msg/CompressedImage", reliable=True)


@pytest.mark.parametrize(
    ("publishers", "more", "told"),
    [
        pytest.param([], {}, ["0 publisher(s)", "image_raw:=", "No image topic exists"], id="nobody"),
        pytest.param([], {"others": ["/b/image", "/a/image"]}, ["/a/image, /b/image"], id="another topic"),
        pytest.param([CODED], {}, ["CompressedImage", "image_transport"], id="another type"),
        pytest.param([LOSSY], {"want_reliable": True}, ["/cam", "best effort", "image_reliability"], id="qos"),
        pytest.param([GOOD], {"clock_stands": True}, ["/clock"], id="no clock"),
        pytest.param([LOSSY], {}, ["0.5 MB", "compressed"], id="large frames"),
        pytest.param([GOOD], {"want_reliable": True}, ["paused"], id="paused"),
    ],
)
def test_the_likely_cause_is_named(publishers: list[Publisher], more: dict[str, Any], told: list[str]) -> None:
    text = explain(IMAGES, "/ns/image_raw", IMAGE, 5.2, publishers, **{"want_reliable": False, **more})
    assert text.startswith(f"No image on /ns/image_raw for 5 s: {len(publishers)} publisher(s).")
    for words in told:
        assert words in text
    assert not more.get("want_reliable") or "0.5 MB" not in text


@pytest.mark.parametrize(
    ("stamp_s", "now_s", "simulated", "words"),
    [
        pytest.param(5000, 1_700_000_000, False, "s behind this node's clock: of a recording", id="since boot"),
        pytest.param(1_700_000_020, 1_700_000_000, False, "20 s ahead of this node's clock", id="another computer"),
        pytest.param(1_700_000_000, 90, True, "ahead of this node's clock on /clock", id="use_sim_time here only"),
        pytest.param(90, 1_700_000_000, False, "use_sim_time is not the same", id="use_sim_time there only"),
        pytest.param(1_700_000_000, 0, True, "nothing comes on /clock", id="no simulation"),
        pytest.param(1_700_000_000, 1_700_000_009, False, "", id="slow"),
        pytest.param(0, 1_700_000_000, False, "", id="no stamp"),
    ],
)
def test_stamps_of_another_clock(stamp_s: int, now_s: int, simulated: bool, words: str) -> None:
    text = other_clock(stamp_s * 10**9, now_s * 10**9, simulated)
    assert (words in text) if words else not text
    assert not text or "by the stamps alone" in text
