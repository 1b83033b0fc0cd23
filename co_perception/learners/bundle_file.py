"""A bundle: a folder with all that a robot needs to run a recognizer with NumPy and ONNX Runtime, computed beforehand.

`bundle.json` says what it is, of which weights, what its programs take and give, how far they were from the network
when they were made, and the checksum of every other file. Nothing of a bundle is used before all of it was compared.
`ContinualSkeletonLearner.bundle` writes one, `BundleSkeletonLearner` runs it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from co_perception.data.parsing import parse_errors, read_bounded, read_json
from co_perception.engine.files import write_files
from co_perception.learners.metadata import Metadata
from co_perception.runtime.steppers.bundle_step import COLD, SETTLED, LeafFormat, StepFormat

FOLDER = "bundle"  # in the folder of the model that it is of
FILE = "bundle.json"
CONSTANTS = "constants.safetensors"
FORMAT, VERSION = "co_perception.bundle", 1
MOST_BYTES = 1 << 30  # of one file
MOST_NUMBERS = 1 << 26  # of one leaf of a stream; more is damage, and would be asked of the memory
DTYPES = ("float32", "float64", "int64", "int32", "bool")


@dataclass(frozen=True)
class Bundle:
    """Content of a bundle.

    Args:
        model: metadata of the model, as its learner saved them.
        digest: of its weights, class names and preprocessing, as of its learner.
        weights_sha256: of the file of weights that it was made from.
        delay, lag: of the network, see `continual.timing.Timing`.
        step: what the programs take and give.
        made_with: versions of what made it.
        parity: largest difference of an answer from the network's, as a share of the largest number of any, by program
            and number of streams.
        programs: ONNX files by name.
        constants: that the programs share, by name.
    """

    model: Metadata
    digest: str
    weights_sha256: str
    delay: int
    lag: int
    step: StepFormat
    made_with: Mapping[str, str]
    parity: Mapping[str, float]
    programs: Mapping[str, bytes]
    constants: Mapping[str, NDArray[Any]]

    @property
    def name(self) -> str:
        """Network, label set and digest, as of the learner."""
        return f"{self.model.network}/{self.model.label_set.partition('@')[0]}@{self.digest}"

    def write(self, folder: Path) -> None:
        """Write the folder, whole or not at all; a second bundle replaces the first."""
        from safetensors.numpy import save

        files = {f"{name}.onnx": content for name, content in self.programs.items()}
        files[CONSTANTS] = save(dict(self.constants))
        content: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "digest": self.digest,
            "weights_sha256": self.weights_sha256,
            "delay": self.delay,
            "lag": self.lag,
            "step": asdict(self.step),
            "made_with": dict(self.made_with),
            "parity": dict(self.parity),
            "model": json.loads(self.model.to_json()),
            "files": {name: hashlib.sha256(file).hexdigest() for name, file in sorted(files.items())},
        }
        content["sha256"] = _description_sum(content)
        folder.mkdir(parents=True, exist_ok=True)
        # The description comes last: until it is there, the other files are not what it says.
        text = json.dumps(content, indent=1) + "\n"
        write_files({folder / name: file for name, file in files.items()} | {folder / FILE: text.encode()})

    @staticmethod
    def read(folder: Path) -> Bundle:
        """The bundle in a folder, every file compared with its checksum.

        Raises:
            ValueError: for one that is damaged, cut off, of something else or of a later version.
            FileNotFoundError: where there is none.
        """
        content = read_description(folder)
        path = folder / FILE
        with parse_errors(path, "what bundle() wrote"):
            model = Metadata.from_content(content["model"])
            step = _step(content["step"])
            files, wanted = _files(folder, content["files"]), set(step.rotations)
            if {f"{name}.onnx" for name in wanted} | {CONSTANTS} != set(files):
                raise ValueError(f"it has the files {sorted(files)}, and programs {sorted(wanted)}")
            delay, lag = _count(content["delay"]), _count(content["lag"])
            if len(model.labels) != step.classes or model.stride != step.stride:
                raise ValueError("its model and its programs are of different classes or strides")
            bundle = Bundle(
                model,
                str(content["digest"]),
                str(content["weights_sha256"]),
                delay,
                lag,
                step,
                {str(key): str(value) for key, value in content["made_with"].items()},
                {str(key): float(value) for key, value in content["parity"].items()},
                {name: files[f"{name}.onnx"] for name in wanted},
                _constants(files[CONSTANTS]),
            )
            if bundle.name != content["name"]:
                raise ValueError(f"it names itself {content['name']!r:.100}, and is {bundle.name!r}")
            return bundle


def find_bundle(folder: Path) -> Path | None:
    """The bundle in a model's folder, or the folder itself where it is one; None where there is none."""
    return next((path for path in (folder / FOLDER, folder) if (path / FILE).is_file()), None)


def read_description(folder: Path) -> dict[str, Any]:
    """The JSON of a bundle. Raises: as `Bundle.read`, for this file."""
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(f"there is no {FILE} in {folder}: give the folder that `co-perception bundle` wrote")
    with parse_errors(path, "what bundle() wrote"):
        content = read_json(path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("it is no bundle")
        if content.get("version") != VERSION:
            raise ValueError(
                f"it is of version {content.get('version')!r:.20}, and this package runs version {VERSION}: make it "
                "anew with `co-perception bundle`, or update the package"
            )
        if content.pop("sha256", None) != _description_sum(content):
            raise ValueError("it is not as it was written: copy the folder again, or make it anew")
        return content


def _description_sum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """The checksum of a file."""
    return hashlib.sha256(read_bounded(path, MOST_BYTES)).hexdigest()


def _files(folder: Path, sums: Mapping[str, str]) -> dict[str, bytes]:
    files = {}
    for name, wanted in sums.items():
        if Path(name).name != name:
            raise ValueError(f"a file of a bundle lies beside its description, got {name!r:.50}")
        if not (folder / name).is_file():
            raise ValueError(f"{name} is missing: copy the whole folder")
        files[name] = read_bounded(folder / name, MOST_BYTES)
        if hashlib.sha256(files[name]).hexdigest() != wanted:
            raise ValueError(f"{name} is not the file that it was: copy the folder again, or make it anew")
    return files


def _constants(content: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return {name: array.copy() for name, array in load(content).items()}  # not views of a file's bytes
    except SafetensorError as error:
        raise ValueError(f"{CONSTANTS} is not a whole safetensors file ({error})") from error


def _step(content: Mapping[str, Any]) -> StepFormat:
    states = tuple(LeafFormat(_text(leaf["name"]), _shape(leaf["shape"]), leaf["dtype"]) for leaf in content["states"])
    if any(leaf.dtype not in DTYPES for leaf in states) or len({leaf.name for leaf in states}) < len(states):
        raise ValueError("leaves of a state have a name of their own each, and a known type")
    rotations = {}
    for name, sources in content["rotations"].items():
        if name not in (SETTLED, COLD) or len(sources) != len(states):
            raise ValueError(f"a bundle has programs {SETTLED} and {COLD}, and each gives every leaf of the next state")
        rotations[name] = tuple((bool(new), _count(place)) for new, place in sources)
        made = {place for new, place in rotations[name] if new}
        if made != set(range(len(made))) or any(place >= len(states) for _, place in rotations[name]):
            raise ValueError(f"the leaves of the next state come from nowhere in the program {name}")
    settles, stride = _count(content["settles"]), _count(content["stride"])
    if not stride or SETTLED not in rotations or (settles > 0) != (COLD in rotations):
        raise ValueError("a bundle has a stride, a settled program, and a cold one where a stream begins otherwise")
    return StepFormat(stride, settles, _shape(content["frame_shape"]), _count(content["classes"]), states, rotations)


def _shape(value: Any) -> tuple[int, ...]:
    shape = tuple(_count(size) for size in value)
    if prod(shape) > MOST_NUMBERS:
        raise ValueError(f"{shape} is more than a frame has")
    return shape


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MOST_NUMBERS:
        raise ValueError(f"expected a whole number from 0 to {MOST_NUMBERS}, got {value!r:.50}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a text, got {value!r:.50}")
    return value
