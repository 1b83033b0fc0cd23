"""The table of estimators, and the error texts where something is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from co_perception.pose.estimator import ESTIMATORS, PoseEstimator, build_estimator, estimator_variant
from co_perception.pose.movenet import MoveNet
from co_perception.runtime.store.assets import asset
from co_perception.skeletons.layouts import layout


@pytest.mark.parametrize("name", ESTIMATORS)
def test_records_fit_what_they_build(name: str) -> None:
    variant = estimator_variant(name)
    assert variant.name == name and all(asset(model).kind == "model" for model in variant.models)
    estimator: PoseEstimator = build_estimator(name)
    assert estimator.layout == variant.layout and layout(estimator.layout)
    estimator.close()


def test_options_reach_the_estimator() -> None:
    assert isinstance(build_estimator("movenet", input_size=192, tiles=2), MoveNet)
    with pytest.raises(ValueError, match="multiple of 32, got 100"):
        build_estimator("movenet", input_size=100)
    with pytest.raises(ValueError, match="no pose estimator 'openpose'; there are: movenet, mediapipe"):
        build_estimator("openpose")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_missing_package_names_the_extra(name: str) -> None:
    code = (
        "import sys; sys.modules['mediapipe'] = sys.modules['ai_edge_litert'] = None\n"
        f"from co_perception.pose.estimator import build_estimator; build_estimator({name!r})"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError" in answer.stderr
    extra = {"movenet": "pose", "mediapipe": "mediapipe"}[name]
    assert f"pip install 'co_perception[{extra}]'" in answer.stderr
