"""Imports between the rooms of the package and of libraries, checked against a table by reading the sources."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers.package_source import PACKAGE, ROOT, trees

# Layer: the parts of co_perception it may import beside itself. A dotted name allows that module only.
LAYERS: dict[str, set[str]] = {
    "engine": set(),
    "skeletons": set(),
    "continual": {"engine.array_library", "engine.stages", "engine.state_tree"},
    "networks": {"continual", "skeletons"},
    "adapters": {"continual", "engine.files"},
    "runtime": {
        "networks.variants", "continual", "engine.array_library", "engine.files", "engine.paths", "engine.stages",
        "engine.state_tree",
    },
    "pose": {"engine", "skeletons", "data.messages", "runtime.store", "runtime.versions"},
    "data": {"engine", "skeletons", "runtime.untrusted"},
    "localization": {"engine", "skeletons", "data"},
    "evaluation": {"engine", "data", "online", "runtime"},
    "training": {"engine", "skeletons", "data", "continual", "networks", "runtime.untrusted"},
    "online": {"engine", "data"},
    "learners": {
        "engine", "skeletons", "continual", "networks", "adapters", "runtime", "pose", "data", "online", "evaluation",
        "training",
    },
    "doctor": {"engine", "skeletons", "data", "pose", "online"},
    "studio": {"engine", "skeletons", "data", "evaluation"},
    "nodes": {
        "engine", "skeletons", "pose", "runtime.store", "data", "localization", "doctor", "evaluation", "online",
        "learners", "action", "msg", "srv",
    },
    "behaviours": {"engine", "data", "online", "nodes.core", "action", "msg"},
}  # fmt: skip

# Layer: what it may import from outside, beside the standard library and the optional packages. typing_extensions comes
# with torch: it is the standard library's typing for older Pythons.
LIBRARIES: dict[str, set[str]] = {
    "engine": {"numpy", "safetensors"},
    "skeletons": {"numpy"},
    "continual": {"torch", "safetensors", "typing_extensions"},
    "networks": {"torch", "numpy", "typing_extensions"},
    "adapters": {"torch", "safetensors", "typing_extensions"},
    "runtime": {"torch", "numpy", "safetensors"},
    "pose": {"numpy"},
    "data": {"numpy"},
    "localization": {"numpy"},
    "evaluation": {"numpy"},
    "training": {"torch", "numpy"},
    "online": {"numpy"},
    "learners": {"torch", "numpy", "safetensors"},
    "doctor": {"numpy"},
    "studio": {"numpy"},
    "nodes": {"numpy", "tqdm"},
    "behaviours": {"py_trees"},
}

ROS = {
    "action_msgs", "ament_index_python", "builtin_interfaces", "diagnostic_msgs", "diagnostic_updater", "geometry_msgs",
    "launch", "launch_ros", "lifecycle_msgs", "message_filters", "rcl_interfaces", "rclpy", "sensor_msgs", "std_msgs",
    "std_srvs", "tf2_ros",
}  # fmt: skip

# Optional packages: each is imported in one file, inside a function.
OPTIONAL = {
    "ai_edge_litert", "apsw", "av", "bondpy", "cv2", "flatbuffers", "foxglove_msgs", "hri_msgs", "jsonargparse",
    "lightning", "lz4", "matplotlib", "mcap", "mcap_ros2", "mediapipe", "onnx", "onnxruntime", "onnxscript",
    "openvino", "optuna", "ray", "rosbags", "starlette", "tensorboard", "tomli", "torch_pruning",
    "torchmetrics", "uvicorn", "vision_msgs", "visualization_msgs", "yaml", "yolo_msgs",
}  # fmt: skip


class Import(NamedTuple):
    file: Path
    line: int
    module: str
    lazy: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"

    @property
    def top(self) -> str:
        return self.module.split(".")[0]

    @property
    def layer(self) -> str:
        """The part of the package that the importing file belongs to."""
        return self.file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path, tree: ast.Module) -> Iterator[Import]:
    """All imports of a file; lazy are those that do not happen when the file is imported."""
    package = file.relative_to(ROOT).parent.parts

    def visit(node: ast.AST, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(file, child.lineno, alias.name, lazy) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                start = package[: len(package) - child.level + 1] if child.level else ()
                module = ".".join([*start, *([child.module] if child.module else [])])
                # `from co_perception import nodes` imports a module as `import co_perception.nodes` does.
                names = [f"{module}.{alias.name}" for alias in child.names] if is_package(module) else [module]
                yield from (Import(file, child.lineno, name, lazy) for name in names)
            else:
                yield from visit(child, lazy or is_deferred(child))

    yield from visit(tree, False)


def is_package(module: str) -> bool:
    return (ROOT / module.replace(".", "/") / "__init__.py").exists()


def is_deferred(node: ast.AST) -> bool:
    """A function's body runs when it is called, and what stands under `if TYPE_CHECKING` never runs."""
    checking = isinstance(node, ast.If) and ast.unparse(node.test).removeprefix("typing.") == "TYPE_CHECKING"
    return checking or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


@functools.cache
def all_imports() -> list[Import]:
    return [found for file, tree in trees("co_perception").items() for found in imports(file, tree)]


def fault(found: Import) -> str | None:
    """What is wrong with one import; None where it is in the table."""
    if found.layer in ("__init__", "cli", "commands"):
        return None
    if found.layer not in LAYERS:
        return "this layer is not in the table: add it there and in the architecture"
    if found.top == "co_perception":
        inside = found.module.split(".")[1:]
        allowed = not inside or bool({inside[0], ".".join(inside[:2])} & (LAYERS[found.layer] | {found.layer}))
        return None if allowed else f"{found.layer} may import {LAYERS[found.layer]}"
    if found.top in ROS:
        return None if found.layer in ("nodes", "behaviours") else "ROS lives in nodes and behaviours only"
    if found.top in sys.stdlib_module_names | OPTIONAL | LIBRARIES[found.layer]:
        return None
    return f"{found.layer} may import the standard library, optional packages and {LIBRARIES[found.layer]}"


def test_every_import_is_in_the_table() -> None:
    faults = [f"{found}: {wrong}" for found in all_imports() if (wrong := fault(found))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("package", sorted(OPTIONAL))
def test_an_optional_package_is_imported_in_one_file_and_lazily(package: str) -> None:
    users = [found for found in all_imports() if found.top == package]
    eager = [str(found) for found in users if not found.lazy]
    assert not eager, "import it inside the function that needs it: " + ", ".join(eager)
    assert len({found.file for found in users}) <= 1, ", ".join(map(str, users))


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("continual/conv.py", "import rclpy"),
        ("continual/conv.py", "import numpy"),
        ("continual/conv.py", "from co_perception.networks import inception"),
        ("continual/conv.py", "def f():\n    from co_perception import learners"),
        ("continual/conv.py", "from ..nodes import images"),
        ("engine/data.py", "import torch"),
        ("runtime/pool.py", "from co_perception.networks.inception import build"),
        ("evaluation/metrics.py", "from co_perception.learners.video import ContinualVideoLearner"),
        ("learners/video.py", "from co_perception.msg import Activity"),
        ("nodes/images.py", "import torch"),
        ("newcomer/file.py", "import os"),
    ],
)
def test_the_table_is_enforced(place: str, source: str) -> None:
    assert [found for found in imports(PACKAGE / place, ast.parse(source)) if fault(found)]


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("continual/conv.py", "import math\nimport torch.nn.functional as F\nfrom . import history"),
        ("runtime/pool.py", "from co_perception.networks.variants import video_variant"),
        ("nodes/images.py", "from co_perception.msg import Activity\nimport rclpy.node"),
        ("learners/video.py", "import co_perception.continual as co"),
    ],
)
def test_the_table_allows_what_it_says(place: str, source: str) -> None:
    assert not [found for found in imports(PACKAGE / place, ast.parse(source)) if fault(found)]


def test_the_architecture_has_the_same_table() -> None:
    rows = [line.strip("| ").split(" | ") for line in (ROOT / "docs/architecture.md").read_text().splitlines()]
    table = {row[0].strip("`"): [set(re.findall("`(.*?)`", cell)) for cell in row[2:]] for row in rows if len(row) == 4}
    del table["room"]
    assert table == {room: [LAYERS[room], LIBRARIES[room]] for room in LAYERS}


def test_importing_the_package_loads_neither_torch_nor_ros() -> None:
    code = "import co_perception, sys; print([name for name in ('torch', 'rclpy', 'numpy') if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
