"""Settings: of a training as YAML, of nodes and commands as texts and values, and names of files from a service."""

from __future__ import annotations

import json

from co_perception.engine.settings import Setting, Value, values_of
from co_perception.learners.recognisers import KINDS
from co_perception.nodes.snapshots import inside
from co_perception.pose.finder import FINDING
from co_perception.training.config import TrainConfig
from fuzz.drawn import Drawn
from fuzz.target import of_file, scratch

TABLE: tuple[Setting, ...] = (*FINDING, *KINDS["skeleton"].table, *KINDS["video"].table)


def texts(data: bytes) -> None:
    """NAME=VALUE as on the command line, one for each line."""
    for line in data.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition("=")
        for setting in TABLE:
            if setting.name == name:
                _check(setting, setting.parse(value))


def values(data: bytes) -> None:
    """Values of any type, as a parameter service would give them."""
    found = json.loads(data)
    if not isinstance(found, dict):
        return
    for setting in TABLE:
        if setting.name in found:
            values_of([setting], {setting.name: found[setting.name]})


def snapshot_path(data: bytes) -> None:
    """The name of a snapshot file, that of a folder before it."""
    folder, _, name = data.decode("utf-8", "surrogateescape").partition("\n")
    root = scratch() / "states"
    path = inside(str(root / Drawn(folder.encode("utf-8", "surrogateescape")).text().replace("/", "_")), name)
    if not path.is_relative_to(root.resolve().parent) or ".." in path.parts:
        raise AssertionError(f"{name!r} leads to {path}")


def _check(setting: Setting, value: Value) -> None:
    if setting.objection(value):
        raise AssertionError(f"{setting.name} took {value!r}")


training = of_file("train.yaml", TrainConfig.from_yaml)
