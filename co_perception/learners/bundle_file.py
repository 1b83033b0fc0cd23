"""A bundle: a folder with all that a robot needs to run a recognizer with NumPy and ONNX Runtime, computed beforehand.

`bundle.json` says what it is, of which weights, what its programs take and give, how far they were from the network
when they were made, and the checksum of every other file. Nothing of a bundle is used before all of it was compared.
`bundle` of the learners writes one, `BundleSkeletonLearner` and `BundleVideoLearner` run it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from co_perception.data.parsing import parse_errors, read_bounded, read_json
from co_perception.engine.files import write_files
from co_perception.learners.metadata import Metadata
from co_perception.runtime.steppers.bundle_step import COLD, SETTLED, LeafFormat, ProgramFormat, StepFormat
from co_perception.runtime.steppers.optimized_cache import SharedConstants, file_digest

FOLDER = "bundle"  # in the folder of the model that it is of
FILE = "bundle.json"
CONSTANTS = "constants.safetensors"
FORMAT, VERSION = "co_perception.bundle", 2
MOST_BYTES = 1 << 30  # of one file
MOST_NUMBERS = 1 << 26  # of one leaf of a stream; more is damage, and would be asked of the memory
T = TypeVar("T")
DTYPES = ("float32", "float64", "int64", "int32", "bool")


@dataclass(frozen=True)
class Bundle:
    """Content of a bundle.

    Args:
        model: metadata of the model, as its learner saved them.
        digest: of its weights, class names and preprocessing, as of its learner.
        weights_sha256: of the file of weights that it was made from.
        delay, lag, padding: of the network, `padding` the frames before a clip, see `continual.timing.Timing`.
        steps: what the programs take and give, of each stage of the network (`engine.stages`); most have one.
        made_with: versions of what made it.
        parity: largest difference of an answer from the network's, as a share of the largest number of any, by program
            and number of streams.
        programs: ONNX files by name, of each stage.
        constants: that the programs share.
    """

    model: Metadata
    digest: str
    weights_sha256: str
    delay: int
    lag: int
    padding: int
    steps: tuple[StepFormat, ...]
    made_with: Mapping[str, str]
    parity: Mapping[str, float]
    programs: tuple[Mapping[str, bytes], ...]
    constants: SharedConstants

    @property
    def name(self) -> str:
        """Network, label set and digest, as of the learner."""
        return f"{self.model.network}/{self.model.label_set.partition('@')[0]}@{self.digest}"

    def write(self, folder: Path) -> None:
        """Write the folder, whole or not at all; a second bundle replaces the first."""
        from safetensors.numpy import save

        files = dict(_named(self.programs))
        files[CONSTANTS] = save(self.constants.of({name for step in self.steps for name in _constants_of(step)}))
        content: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "digest": self.digest,
            "weights_sha256": self.weights_sha256,
            "delay": self.delay,
            "lag": self.lag,
            "padding": self.padding,
            "steps": [asdict(step) for step in self.steps],
            "made_with": dict(self.made_with),
            "parity": dict(self.parity),
            "model": json.loads(self.model.to_json()),
            "files": {name: hashlib.sha256(file).hexdigest() for name, file in sorted(files.items())},
        }
        content["sha256"] = description_sum(content)
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
            model, steps = formats_of(content)
            wanted = dict(_named([step.programs for step in steps])).keys() | {CONSTANTS}
            if wanted != content["files"].keys():
                raise ValueError(f"it has the files {sorted(content['files'])}, its programs are {sorted(wanted)}")
            files = _programs(folder, content["files"])
            bundle = Bundle(
                model,
                str(content["digest"]),
                str(content["weights_sha256"]),
                _count(content["delay"]),
                _count(content["lag"]),
                _count(content["padding"]),
                steps,
                {str(key): str(value) for key, value in content["made_with"].items()},
                {str(key): float(value) for key, value in content["parity"].items()},
                tuple(
                    {name: files[_file_name(place, name, len(steps))] for name in step.programs}
                    for place, step in enumerate(steps)
                ),
                _shared_constants(folder / CONSTANTS, content["files"][CONSTANTS]),
            )
            if bundle.name != content["name"]:
                raise ValueError(f"it names itself {content['name']!r:.100}, and is {bundle.name!r}")
            return bundle


def formats_of(content: Mapping[str, Any]) -> tuple[Metadata, tuple[StepFormat, ...]]:
    """The model and the steps that a description speaks of. Raises: ValueError, or what stumbles over it."""
    model = Metadata.from_content(content["model"])
    steps = tuple(_step(step) for step in content["steps"])
    if not steps or steps[-1].answer_shape != (len(model.labels),) or model.stride != prod(s.stride for s in steps):
        raise ValueError("its model and its programs are of different classes or strides")
    if any(one.answer_shape != other.frame_shape for one, other in pairwise(steps)):
        raise ValueError("a stage does not take what the one before it gives")
    return model, steps


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
        if content.pop("sha256", None) != description_sum(content):
            raise ValueError("it is not as it was written: copy the folder again, or make it anew")
        return content


def description_sum(content: Mapping[str, Any]) -> str:
    """The checksum of a description, which stands in it beside all else."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _file_name(place: int, program: str, stages: int) -> str:
    return f"{program}.onnx" if stages == 1 else f"{place}.{program}.onnx"


def _named(stages: Sequence[Mapping[str, T]]) -> Iterator[tuple[str, T]]:
    """What stages have by program, by the names of the files of these."""
    for place, programs in enumerate(stages):
        for name, one in programs.items():
            yield _file_name(place, name, len(stages)), one


def _programs(folder: Path, sums: Mapping[str, str]) -> dict[str, bytes]:
    """The programs, every file compared with its checksum."""
    files = {}
    for name, wanted in sums.items():
        path = folder / name
        if not path.is_file():
            raise ValueError(f"{name} is missing: copy the whole folder")
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{name} has more than {MOST_BYTES} bytes")
        if file_digest(path) != wanted:
            raise _damaged(name)
        if name != CONSTANTS:
            files[name] = read_bounded(path, MOST_BYTES)
    return files


def _damaged(name: str) -> ValueError:
    return ValueError(f"{name} is not the file that it was: copy the folder again, or make it anew")


def _shared_constants(path: Path, digest: str) -> SharedConstants:
    """The constants in a file, which is compared with its checksum again where it is read."""

    def read() -> Mapping[str, NDArray[Any]]:
        content = read_bounded(path, MOST_BYTES)
        if hashlib.sha256(content).hexdigest() != digest:
            raise _damaged(CONSTANTS)
        return _constants(content)

    return SharedConstants(digest, read, path.stat().st_size)


def _constants(content: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return {name: array.copy() for name, array in load(content).items()}  # not views of a file's bytes
    except SafetensorError as error:
        raise ValueError(f"{CONSTANTS} is not a whole safetensors file ({error})") from error


def _constants_of(step: StepFormat) -> Iterator[str]:
    for program in step.programs.values():
        yield from program.constants


def _step(content: Mapping[str, Any]) -> StepFormat:
    states = tuple(LeafFormat(_text(leaf["name"]), _shape(leaf["shape"]), leaf["dtype"]) for leaf in content["states"])
    if any(leaf.dtype not in DTYPES for leaf in states) or len({leaf.name for leaf in states}) < len(states):
        raise ValueError("leaves of a state have a name of their own each, and a known type")
    programs = {name: _program(name, given, len(states)) for name, given in content["programs"].items()}
    settles, stride = _count(content["settles"]), _count(content["stride"])
    if not stride or not programs or (settles > 0) != (COLD in programs):
        raise ValueError("a step has a stride, and a cold program where a stream begins otherwise than it goes on")
    frame, answer = _shape(content["frame_shape"]), _shape(content["answer_shape"])
    return StepFormat(stride, settles, frame, answer, states, programs)


def _program(name: str, content: Mapping[str, Any], states: int) -> ProgramFormat:
    if name not in (SETTLED, COLD) or len(content["rotation"]) != states:
        raise ValueError(f"a step has programs {SETTLED} and {COLD}, and each gives every leaf of the next state")
    rotation = tuple((bool(new), _count(place)) for new, place in content["rotation"])
    made = {place for new, place in rotation if new}
    if made != set(range(len(made))) or any(place >= states for _, place in rotation):
        raise ValueError(f"the leaves of the next state come from nowhere in the program {name}")
    return ProgramFormat(rotation, tuple(_text(constant) for constant in content["constants"]))


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
