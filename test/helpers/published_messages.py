"""Stand-ins for messages of packages that have no wheels, made of the definitions that their packages publish.

They check as rosidl's own classes do where ROS_PYTHON_CHECK_FIELDS is set: names, types and lengths of fields.
vision_msgs 4.1 (Apache-2.0), hri_msgs 2.0 (BSD), foxglove_msgs of the Foxglove SDK (MIT); comments are left out.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

DEFINITIONS = {
    "vision_msgs": {
        "Point2D": "float64 x\nfloat64 y",
        "Pose2D": "vision_msgs/Point2D position\nfloat64 theta",
        "BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y",
        "ObjectHypothesis": "string class_id\nfloat64 score",
        "ObjectHypothesisWithPose": "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose",
        "Detection2D": "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n"
        "vision_msgs/BoundingBox2D bbox\nstring id",
        "Detection2DArray": "std_msgs/Header header\nvision_msgs/Detection2D[] detections",
        "Classification": "std_msgs/Header header\nvision_msgs/ObjectHypothesis[] results",
    },
    "foxglove_msgs": {
        "KeyValuePair": "string key\nstring value",
        "Color": "float64 r\nfloat64 g\nfloat64 b\nfloat64 a",
        "Point2": "float64 x\nfloat64 y",
        "CircleAnnotation": "builtin_interfaces/Time timestamp\nfoxglove_msgs/Point2 position\nfloat64 diameter\n"
        "float64 thickness\nfoxglove_msgs/Color fill_color\nfoxglove_msgs/Color outline_color\n"
        "foxglove_msgs/KeyValuePair[] metadata",
        "PointsAnnotation": "builtin_interfaces/Time timestamp\nuint8 UNKNOWN=0\nuint8 POINTS=1\nuint8 LINE_LOOP=2\n"
        "uint8 LINE_STRIP=3\nuint8 LINE_LIST=4\nuint8 type\nfoxglove_msgs/Point2[] points\n"
        "foxglove_msgs/Color outline_color\nfoxglove_msgs/Color[] outline_colors\nfoxglove_msgs/Color fill_color\n"
        "float64 thickness\nfoxglove_msgs/KeyValuePair[] metadata",
        "TextAnnotation": "builtin_interfaces/Time timestamp\nfoxglove_msgs/Point2 position\nstring text\n"
        "float64 font_size\nfoxglove_msgs/Color text_color\nfoxglove_msgs/Color background_color\n"
        "foxglove_msgs/KeyValuePair[] metadata",
        "ImageAnnotations": "foxglove_msgs/CircleAnnotation[] circles\nfoxglove_msgs/PointsAnnotation[] points\n"
        "foxglove_msgs/TextAnnotation[] texts\nfoxglove_msgs/KeyValuePair[] metadata",
    },
    "hri_msgs": {
        "IdsList": "std_msgs/Header header\nstring[] ids",
        "NormalizedPointOfInterest2D": "float32 x\nfloat32 y\nfloat32 c",
        "NormalizedRegionOfInterest2D": "std_msgs/Header header\nfloat32 xmin\nfloat32 ymin\nfloat32 xmax\n"
        "float32 ymax\nfloat32 c",
        "Skeleton2D": "std_msgs/Header header\nhri_msgs/NormalizedPointOfInterest2D[18] skeleton",
    },
}
FIELD = re.compile(r"(\w+(?:/\w+)?)(\[(\d*)\])? (\w+)$")
CONSTANT = re.compile(r"\w+ ([A-Z_0-9]+)=(\d+)$")
SIMPLE: dict[str, Any] = {"float64": 0.0, "float32": 0.0, "string": "", "uint8": 0}


class PublishedMessage:
    """Base of the stand-ins: fields by keyword, as rosidl's classes take them."""

    _fields: dict[str, tuple[str, str | None]]

    def __init__(self, **given: Any) -> None:
        for name, (kind, length) in self._fields.items():
            if length is None:
                value = SIMPLE[kind] if kind in SIMPLE else _class(kind)()
            else:
                value = [_class(kind)() for _ in range(int(length or 0))]
            setattr(self, name, given.pop(name, value))
        assert not given, f"{type(self).__name__} has no {', '.join(given)}"

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self._fields, f"{type(self).__name__} has no {name}"
        kind, length = self._fields[name]
        if length is None:
            _check(f"{type(self).__name__}.{name}", kind, value)
        else:
            assert isinstance(value, list) and (not length or len(value) == int(length)), (name, value)
            for each in value:
                _check(f"{type(self).__name__}.{name}", kind, each)
        object.__setattr__(self, name, value)


def _check(name: str, kind: str, value: Any) -> None:
    wanted = type(SIMPLE[kind]) if kind in SIMPLE else _class(kind)
    assert type(value) is wanted, f"{name} is {kind}, got {value!r}"


def _class(kind: str) -> Any:
    package, name = kind.split("/")
    return getattr(import_module(f"{package}.msg"), name)


def _made(package: str, name: str, text: str) -> type:
    fields, constants = dict[str, tuple[str, str | None]](), dict[str, int]()
    for line in text.splitlines():
        if found := CONSTANT.match(line):
            constants[found[1]] = int(found[2])
        else:
            kind, brackets, length, field = FIELD.match(line).groups()  # type: ignore[union-attr]
            fields[field] = (kind, length if brackets else None)
    return type(name, (PublishedMessage,), {"_fields": fields, "__module__": f"{package}.msg", **constants})


def install(monkeypatch: pytest.MonkeyPatch, package: str) -> Any:
    """Has the messages of a package imported; gives its module `msg`."""
    types = SimpleNamespace(**{name: _made(package, name, text) for name, text in DEFINITIONS[package].items()})
    monkeypatch.setitem(sys.modules, package, SimpleNamespace(msg=types))
    monkeypatch.setitem(sys.modules, f"{package}.msg", types)
    return types
