"""Published weights as the learners load them: one safetensors file each, converted once where it is fetched.

`co_perception.runtime.store` knows where files come from, `co_perception.networks.checkpoints` what their arrays mean;
here the two meet. A safetensors file holds numbers and nothing that could run, and opens without being read whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from co_perception.networks.checkpoints import Arrays, inception_from_flax
from co_perception.runtime import store
from co_perception.runtime.assets import asset
from co_perception.runtime.unpickle import read_arrays


@dataclass(frozen=True)
class Conversion:
    """How published weights become arrays, and the name of the label list their last layer speaks.

    revision: raised when `convert` changes what it gives, so that files made before are made anew.
    """

    convert: Callable[[Mapping[str, Any]], Arrays]
    labels: str
    revision: int = 1


CONVERSIONS: Mapping[str, Conversion] = MappingProxyType(
    {"i3d_kinetics400": Conversion(inception_from_flax, labels="kinetics400")}
)


def path_of(name: str) -> Path:
    """Where converted weights lie; ValueError for a name that has no conversion."""
    _conversion(name)
    return store.root() / "weights" / f"{name}-{asset(name).sha256[:12]}.safetensors"


def prepare(name: str, progress: store.Progress | None = None) -> Path:
    """Converted weights, fetching and converting what is missing: the only function here that may use the network.

    Raises: as `store.fetch`; ValueError for a file that is not what its record says.
    """
    try:
        return verify_converted(name)  # the source is not needed again, and a robot may have been given only this
    except (FileNotFoundError, store.ChecksumError):
        source = store.fetch(name, progress)
    if progress:
        progress(f"converting {name}", 0, 0)
    return _write(name, _conversion(name).convert(read_arrays(source)))


def locate_converted(name: str) -> Path:
    """Converted weights made before, offline: looks at the header and the size, not at every number.

    Raises: ValueError for an unknown name; FileNotFoundError or store.ChecksumError that says which command to run.
    """
    path = path_of(name)
    if not path.is_file():
        raise FileNotFoundError(
            f"the weights {name} are not on this machine (looked for {path}). {store.how_to_fetch(name)}"
        )
    found = read_metadata(path)
    for key, value in _origin(name).items():
        if found.get(key) != value:
            raise _stale(name, path, f"its {key} is {found.get(key)!r}, expected {value!r}")
    return path


def verify_converted(name: str) -> Path:
    """As `locate_converted`, but checks every number; store.ChecksumError when one changed since it was written."""
    from safetensors.numpy import load_file

    path = locate_converted(name)
    if _digest(load_file(path)) != read_metadata(path).get("data_sha256"):
        raise _stale(name, path, "its numbers changed after it was written")
    return path


def read_metadata(path: Path) -> dict[str, str]:
    """The text entries in a safetensors file's header; store.ChecksumError for a damaged or other file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:  # checks that sizes in the header add up to the file's
            return dict(file.metadata() or {})
    except SafetensorError as error:
        raise store.ChecksumError(
            f"{path} is not a whole safetensors file ({error}). Make it again: co-perception weights fetch"
        ) from None


def _write(name: str, arrays: Arrays) -> Path:
    from safetensors.numpy import save_file

    path = path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = _origin(name) | {"data_sha256": _digest(arrays)}
    with _replacing(path) as part:
        save_file(arrays, part, metadata)
    return path


def _origin(name: str) -> dict[str, str]:
    """What converted weights say about themselves."""
    record, conversion = asset(name), _conversion(name)
    package = record.distribution
    return {
        "name": name,
        "labels": conversion.labels,
        "licence": record.licence,
        "source": f"{record.source}; {record.member} in {package.package}=={package.version}",
        "source_sha256": record.sha256,
        "conversion": f"{conversion.convert.__name__} {conversion.revision}",
    }


def _digest(arrays: Arrays) -> str:
    """SHA-256 over names, types, shapes and numbers: the same whichever version of safetensors wrote the file."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name]).reshape(arrays[name].shape)
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.data)
    return digest.hexdigest()


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A new file next to `path` that takes its place only when it is complete."""
    handle, text = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    part = Path(text)
    try:
        yield part
        part.chmod(0o644)  # as any other file: the robot may run under another account
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _conversion(name: str) -> Conversion:
    if name not in CONVERSIONS:
        raise ValueError(f"no published weights {name!r}; there are: {', '.join(CONVERSIONS)}")
    return CONVERSIONS[name]


def _stale(name: str, path: Path, how: str) -> store.ChecksumError:
    return store.ChecksumError(f"{path} cannot be used: {how}. Make it again: co-perception weights fetch {name}")
