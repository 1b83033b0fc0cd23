"""The file of an adapter: a derived network as its difference from the source.

    derived = source, sliced to the retained channels, each weight changed by its adapter, own tensors put in

An `Adapter` is that difference as a value. It is extracted from a trained network, written to a safetensors file, and
applied to the source, which it identifies by a digest.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from co_perception.adapters.attach import PROTOTYPES, AdapterConfig, forms, plain_state
from co_perception.adapters.forms import AdapterForm, Blocks, CenterTap, LowRank, Prototypes
from co_perception.adapters.groups import Axes, sliced
from co_perception.engine.files import write_files

FORMAT = "1"
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # measured, not learned


@dataclass(frozen=True)
class Adapter:
    """The difference between a derived network and its source.

    Args:
        config: how it was made.
        source: digest of the tensors it belongs to.
        axes: retained indices, where some are removed.
        forms: changes of weights, pruned.
        own: tensors that replace those of the source, pruned.
        prototypes: that the forms of splopa share.
        about: the caller's notes, as JSON.
    """

    config: AdapterConfig
    source: str
    axes: Axes
    forms: Mapping[str, AdapterForm]
    own: Mapping[str, Tensor]
    prototypes: Prototypes | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def learned(self) -> int:
        """How many numbers training changed: adapters, prototypes, biases, norms, classifier."""
        shared = sum(value.numel() for value in self.prototypes.parameters()) if self.prototypes else 0
        own = sum(value.numel() for name, value in self.own.items() if not name.endswith(STATISTICS))
        return shared + own + sum(form.learned for form in self.forms.values())

    @property
    def bytes(self) -> int:
        """Size of all its tensors."""
        return sum(value.numel() * value.element_size() for value in self._tensors().values())

    @torch.no_grad()
    def stack(self, source: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The derived network's tensors by name, given all of the source's; `resize` puts them into a network.

        Raises: ValueError where these are not the tensors it was made for.
        """
        self.check(source)
        derived = {name: self.own[name].to(value.device) for name, value in source.items() if name in self.own}
        for name in source.keys() - derived.keys():
            small = sliced(source[name], self.axes.get(name, {}))
            derived[name] = self.forms[name].to(small.device)(small) if name in self.forms else small
        return {name: derived[name] for name in source}

    def check(self, source: Mapping[str, Tensor]) -> None:
        """ValueError where these are not the tensors it was made for."""
        if digest(source, self.own) != self.source:
            raise ValueError(
                "this adapter belongs to another source network: it changes weights, and is of no use with others. "
                "Give the model that it was made from"
            )

    def save(self, path: Path | str) -> None:
        """Write everything into one file of safetensors."""
        about = {
            "format": FORMAT,
            "config": dataclasses.asdict(self.config),
            "source": self.source,
            "parts": {name: form.parts for name, form in self.forms.items() if isinstance(form, LowRank)},
            "axes": self._numbered()[1],
            "about": dict(self.about),
        }
        tensors = {name: value.contiguous().cpu() for name, value in self._tensors().items()}
        write_files({Path(path): to_bytes(tensors, {"adapter": json.dumps(about)})})

    @staticmethod
    def load(path: Path | str) -> Adapter:
        """Read a file of `save`. Raises: FileNotFoundError; ValueError for any other file."""
        if not Path(path).is_file():
            raise FileNotFoundError(f"no adapter at {path}: give the file that `co-perception adapt` wrote")
        try:
            with safe_open(Path(path), "pt") as file:
                about = json.loads((file.metadata() or {}).get("adapter", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
        except SafetensorError as error:
            raise ValueError(f"{path} is not a whole safetensors file ({error})") from error
        if about.get("format") != FORMAT:
            raise ValueError(f"{path} holds no adapter of format {FORMAT}; a whole model is loaded with a learner")
        return _read(about, tensors)

    def _tensors(self) -> dict[str, Tensor]:
        places, _ = self._numbered()
        found = {f"own/{name}": value for name, value in self.own.items()}
        found |= {f"stay/{number}": value for number, value in enumerate(places)}
        for name, form in self.forms.items():
            found |= {f"form/{name}/{leaf}": value for leaf, value in form.state_dict().items()}
        if self.prototypes:
            found |= {f"{PROTOTYPES}/{leaf}": value for leaf, value in self.prototypes.state_dict().items()}
        return {name: value.detach() for name, value in found.items()}

    def _numbered(self) -> tuple[list[Tensor], dict[str, dict[int, int]]]:
        """The distinct index lists (all tensors of a group share theirs), and the number of each axis's list."""
        places: list[Tensor] = []
        numbers: dict[tuple[int, ...], int] = {}
        axes: dict[str, dict[int, int]] = {}
        for name, stays in self.axes.items():
            for axis, index in stays.items():
                key = tuple(index.tolist())
                if key not in numbers:
                    numbers[key] = len(places)
                    places.append(index.to(torch.int16 if index.max() < 2**15 else torch.int32))
                axes.setdefault(name, {})[axis] = numbers[key]
        return places, axes


def extract(
    network: nn.Module,
    source: Mapping[str, Tensor],
    axes: Axes,
    config: AdapterConfig,
    classifier: Collection[str] = (),
    about: Mapping[str, Any] | None = None,
) -> Adapter:
    """The adapter of a trained network that `attach` prepared.

    Args:
        source: tensors of the network it was made from.
        axes: retained channels, as in its masks.
        classifier: tensors that are stored whole in any case.
        about: notes, as JSON.
    """
    state, found = plain_state(network), forms(network)
    own = {}
    for name, value in state.items():
        small = sliced(value, axes.get(name, {}))
        before = sliced(source[name], axes.get(name, {}))
        same = small.shape == before.shape and torch.equal(small, before.to(small.device))
        if name in classifier or name not in found and not same:
            own[name] = small.detach().clone()
    small_forms = dict(found)
    for name, form in found.items():
        if not isinstance(form, Blocks):
            stays, weight = axes.get(name, {}), state[name]
            whole = [torch.arange(side) for side in weight.shape[:2]]
            rows, columns = (stays.get(axis, whole[axis]).to(weight.device) for axis in (0, 1))
            small_forms[name] = form.shrunk(rows, columns)
    prototypes = getattr(network, PROTOTYPES, None)
    return Adapter(config, digest(source, own), axes, small_forms, own, prototypes, about or {})


def digest(tensors: Mapping[str, Tensor], without: Collection[str]) -> str:
    """A short name for these tensors by their content, without those named in `without`."""
    digested = hashlib.sha256()
    for name in sorted(tensors.keys() - set(without)):
        value = tensors[name].detach().cpu().contiguous()
        digested.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digested.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digested.hexdigest()[:32]


def _read(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Adapter:
    config = AdapterConfig(**about["config"])
    axes = {
        name: {int(axis): tensors[f"stay/{number}"].long() for axis, number in stays.items()}
        for name, stays in about["axes"].items()
    }
    prototypes = None
    if shared := dict(_under(f"{PROTOTYPES}/", tensors)):
        prototypes = Prototypes(*shared["p"].shape, dtype=shared["p"].dtype)
        prototypes.load_state_dict(shared)
    own = dict(_under("own/", tensors))
    kinds: dict[str, type[AdapterForm]] = {"B": LowRank, "D": CenterTap, "C": Blocks}
    found = {}
    for name in dict.fromkeys(name.rpartition("/")[0] for name, _ in _under("form/", tensors)):
        saved = dict(_under(f"form/{name}/", tensors))
        form = found[name] = next(kinds[leaf] for leaf in saved if leaf in kinds).of(saved)
        if isinstance(form, LowRank):
            form.parts = tuple(about["parts"].get(name) or ())
        if isinstance(form, Blocks):
            form.__dict__["prototypes"] = prototypes
    return Adapter(config, about["source"], axes, found, own, prototypes, about["about"])


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((name.removeprefix(prefix), value) for name, value in tensors.items() if name.startswith(prefix))
