"""Published weights in the local store as safetensors files, and checkpoint files, read so that nothing in them runs.

`co_perception.runtime.store.store` knows where files come from, `co_perception.networks.inception_flax` what their
arrays mean; here the two meet. Published weights are converted once, where they are fetched: a safetensors file holds
numbers and nothing that could run, and opens without being read whole. Commands import this module, therefore not
torch.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from co_perception.networks.inception_flax import Arrays, inception_from_flax
from co_perception.runtime.store import store
from co_perception.runtime.store.assets import asset
from co_perception.runtime.untrusted.unpickle import read_arrays


@dataclass(frozen=True)
class Conversion:
    """Conversion of one published checkpoint."""

    convert: Callable[[Mapping[str, Any]], Arrays]  # published variables to arrays by name
    labels: str  # label list of the last layer
    revision: int = 1  # raised when the result of `convert` changes, so that files made before are made anew


CONVERSIONS: Mapping[str, Conversion] = MappingProxyType(
    {"i3d_kinetics400": Conversion(inception_from_flax, labels="kinetics400")}
)


def path_of(name: str) -> Path:
    """Path of converted weights. Raises: ValueError for a name that has no conversion."""
    _conversion(name)
    return store.root() / "weights" / f"{name}-{asset(name).sha256[:12]}.safetensors"


def bundle_path_of(network: str, name: str) -> Path:
    """Folder of the bundle of a network with these converted weights, which `co-perception bundle` makes."""
    return store.root() / "bundles" / f"{network}-{path_of(name).stem}"


def prepare(name: str, progress: store.Progress | None = None) -> Path:
    """Path of converted weights; fetches and converts what is missing. The only function here that uses the Internet.

    Raises:
        As `store.fetch`.
        ValueError: for a file that is not what its record says.
    """
    try:
        return verify_converted(name)  # the source is not needed again, and a robot may have been given only this
    except (FileNotFoundError, store.ChecksumError):
        source = store.fetch(name, progress)
    if progress:
        progress(f"converting {name}", 0, 0)
    from safetensors.numpy import save

    from co_perception.engine.files import write_files

    arrays, path = _conversion(name).convert(read_arrays(source)), path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_files({path: save(arrays, _origin(name) | {"data_sha256": _digest(arrays)})})
    return path


def locate_converted(name: str) -> Path:
    """Path of weights that were converted before, offline; checks the header and the size, not every number.

    Raises:
        ValueError: for an unknown name.
        FileNotFoundError: says which command to run.
        store.ChecksumError: likewise, where the file is not what it should be.
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
    """`locate_converted` that checks every number. Raises: store.ChecksumError where one changed."""
    from safetensors.numpy import load_file

    path = locate_converted(name)
    if _digest(load_file(path)) != read_metadata(path).get("data_sha256"):
        raise _stale(name, path, "its numbers changed after it was written")
    return path


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Tensors by name on the CPU, from a `.safetensors` file or one that `torch.save` wrote (`.pyth`, `.pth`, ...).

    Raises:
        ValueError: for a file that is cut off, that is none of these, or whose pickle asks for more than tensors,
            numbers and texts; then nothing of it has run.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from co_perception.runtime.untrusted.torch_file import load_plain

    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is not a whole safetensors file ({error}); fetch it again") from error
    try:
        found = load_plain(path)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than weights, or is damaged; nothing of it was run ({_first_line(error)}). If you "
            "trust its source, save its state_dict alone and give that"
        ) from None
    except (RuntimeError, EOFError, ValueError) as error:
        raise ValueError(f"{path} is not a whole checkpoint ({_first_line(error)}); fetch it again") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}, expected tensors by name")
    return found


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


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


def _origin(name: str) -> dict[str, str]:
    """Metadata that identifies what the weights were converted from."""
    record, conversion = asset(name), _conversion(name)
    package = record.distribution
    return {
        "name": name,
        "labels": conversion.labels,
        "license": record.license,
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


def _conversion(name: str) -> Conversion:
    if name not in CONVERSIONS:
        raise ValueError(f"no published weights {name!r}; there are: {', '.join(CONVERSIONS)}")
    return CONVERSIONS[name]


def _stale(name: str, path: Path, how: str) -> store.ChecksumError:
    return store.ChecksumError(f"{path} cannot be used: {how}. Make it again: co-perception weights fetch {name}")
