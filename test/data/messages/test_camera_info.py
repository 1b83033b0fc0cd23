"""Camera models and picture sizes of sensor_msgs/CameraInfo."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from co_perception.data.messages.camera_info import camera_model, image_size

WHOLE = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)


def info(**fields: Any) -> Any:
    given = {"width": 640, "height": 480, "distortion_model": "plumb_bob", "d": [-0.1, 0.02, 0.0, 0.0, 0.0]}
    given |= {"k": [500.0, 0, 320, 0, 510, 240, 0, 0, 1], "p": [400.0, 0, 310, 0, 0, 410, 230, 0, 0, 0, 1, 0]}
    return SimpleNamespace(**{**given, "binning_x": 0, "binning_y": 0, "roi": WHOLE, **fields})


def test_raw_and_rectified_pictures_have_different_cameras() -> None:
    raw, rectified = camera_model(info()), camera_model(info(), rectified=True)
    assert (raw.focal, raw.center, raw.distortion[0]) == ((500.0, 510.0), (320.0, 240.0), -0.1)
    assert (rectified.focal, rectified.center, rectified.distortion) == ((400.0, 410.0), (310.0, 230.0), ())


def test_pictures_may_be_a_binned_part_of_the_sensor() -> None:
    """A pixel of the part looks where that of the whole sensor does."""
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=300)
    part = info(binning_x=2, binning_y=2, roi=roi)
    assert image_size(part) == (200, 150)
    whole, found = np.array([[300.0, 200.0]]), camera_model(part)
    inside = (whole - (100, 40)) / 2
    np.testing.assert_allclose(found.directions(inside), camera_model(info()).directions(whole))
    assert found.size == (200, 150)


@pytest.mark.parametrize("fields", [{"k": [0.0] * 9}, {"width": 0}, {"k": [float("nan")] * 9}, {"k": []}])
def test_a_camera_info_of_no_camera_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="camera"):
        camera_model(info(**fields))


def test_a_fisheye_is_known_by_its_model() -> None:
    assert camera_model(info(distortion_model="equidistant")).fisheye
