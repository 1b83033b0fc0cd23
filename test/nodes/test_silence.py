"""Each cause of a silent topic is named with its remedy."""

from __future__ import annotations

from typing import Any

import pytest

from co_perception.nodes.silence import IMAGES, Publisher, explain

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


def test_reliable_publishers_and_subscribers_are_not_told_of_best_effort() -> None:
    assert "0.5 MB" not in explain(IMAGES, "/i", IMAGE, 5.0, [GOOD], want_reliable=True)
