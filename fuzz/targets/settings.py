"""Fuzz targets of settings: training as YAML, nodes and commands as texts and values, names of snapshot files."""

from __future__ import annotations

import json

from co_perception.engine.settings import Setting, Value, table_of, values_of
from co_perception.learners.recognizers import SkeletonSettings, VideoSettings
from co_perception.nodes.snapshot_path import path_inside
from co_perception.pose.finder import PoseSettings
from co_perception.training.config import TrainConfig
from fuzz.drawn import Drawn
from fuzz.target import of_file, scratch

CLASSES = (PoseSettings, SkeletonSettings, VideoSettings)


def texts(data: bytes) -> None:
    """NAME=VALUE as on the command line, one for each line."""
    for line in data.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition("=")
        for setting in (row for each in CLASSES for row in table_of(each)):
            if setting.name == name:
                _check(setting, setting.parse(value))


def values(data: bytes) -> None:
    """Values of any type, as a parameter service would give them."""
    found = json.loads(data)
    if not isinstance(found, dict):
        return
    for each in CLASSES:
        for setting in table_of(each):
            if setting.name in found:
                values_of(each, {setting.name: found[setting.name]})


def snapshot_path(data: bytes) -> None:
    """The name of a snapshot file, that of a folder before it."""
    folder, _, name = data.decode("utf-8", "surrogateescape").partition("\n")
    root = scratch() / "states"
    path = path_inside(str(root / Drawn(folder.encode("utf-8", "surrogateescape")).text().replace("/", "_")), name)
    if not path.is_relative_to(root.resolve().parent) or ".." in path.parts:
        raise AssertionError(f"{name!r} leads to {path}")


def _check(setting: Setting, value: Value) -> None:
    if setting.objection(value):
        raise AssertionError(f"{setting.name} took {value!r}")


training = of_file("train.yaml", TrainConfig.from_yaml)
