"""What a derived network keeps beside its source: which channels stay, the adapters, and the few tensors of its own.

    derived = source, sliced to the channels that stay, each weight changed by its adapter, own tensors put in

An `Adapter` is that difference as a value. It is read off a trained network, written to a file of safetensors, and
stacked on the source, which it knows by a digest.
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
from safetensors.torch import save_file
from torch import Tensor, nn

from co_perception.adapters.attach import PROTOTYPES, AdapterConfig, forms, plain_state
from co_perception.adapters.forms import Blocks, CentreTap, Form, LowRank, Prototypes
from co_perception.adapters.groups import Axes, sliced

FORMAT = "1"
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # measured, not learned
_WHOLE = slice(None)


@dataclass(frozen=True)
class Adapter:
    """config: how it was made; source: digest of the tensors it belongs to; axes: what stays of them, where something
    goes; forms: the changes of weights, shrunk; own: tensors that are the derived network's own, shrunk; about: what
    the maker wants to be known with it, as JSON can hold it."""

    config: AdapterConfig
    source: str
    axes: Axes
    forms: Mapping[str, Form]
    own: Mapping[str, Tensor]
    prototypes: Prototypes | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def learned(self) -> int:
        """Numbers that training changed: adapters, prototypes, biases, norms, classifier."""
        shared = sum(value.numel() for value in self.prototypes.parameters()) if self.prototypes else 0
        own = sum(value.numel() for name, value in self.own.items() if not name.endswith(STATISTICS))
        return shared + own + sum(form.learned for form in self.forms.values())

    @property
    def bytes(self) -> int:
        """Of all its tensors."""
        return sum(value.numel() * value.element_size() for value in self._tensors().values())

    def stack(self, source: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The derived network's tensors by name, given all of the source's; `resize` puts them into a network.

        Raises: ValueError where these are not the tensors it was made for.
        """
        self.check(source)
        return {name: self._derived(name, value) for name, value in source.items()}

    def check(self, source: Mapping[str, Tensor]) -> None:
        """ValueError where these are not the tensors it was made for."""
        if digest(source, self.own) != self.source:
            raise ValueError(
                "this adapter belongs to another source network: it changes weights, and is of no use with others. "
                "Give the model that it was made from"
            )

    @torch.no_grad()
    def _derived(self, name: str, value: Tensor) -> Tensor:
        if name in self.own:
            return self.own[name].to(value.device)
        small = sliced(value, self.axes.get(name, {}))
        return self.forms[name].to(value.device)(small) if name in self.forms else small

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
        save_file(tensors, Path(path), {"adapter": json.dumps(about)})

    @staticmethod
    def load(path: Path | str) -> Adapter:
        """What `save` wrote. Raises: FileNotFoundError; ValueError for anything else."""
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
        """The index lists there are, each once: all tensors of a group have the same."""
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
    """The adapter of a trained network that `attach` prepared. axes: the channels that stay, as its masks have them;
    source: tensors of the network it was made from; classifier: tensors that are its own, whatever they are."""
    state, found = plain_state(network), forms(network)
    own = {}
    for name, value in state.items():
        small = sliced(value, axes.get(name, {}))
        if name in classifier or name not in found and not _same(small, sliced(source[name], axes.get(name, {}))):
            own[name] = small.detach().clone()
    small_forms = {name: _shrunk(form, axes.get(name, {}), state[name]) for name, form in found.items()}
    prototypes = getattr(network, PROTOTYPES, None)
    return Adapter(config, digest(source, own), axes, small_forms, own, prototypes, about or {})


def digest(tensors: Mapping[str, Tensor], without: Collection[str]) -> str:
    """A short name for these tensors by their content, those named in `without` apart."""
    seen = hashlib.sha256()
    for name in sorted(tensors.keys() - set(without)):
        value = tensors[name].detach().cpu().contiguous()
        seen.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        seen.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return seen.hexdigest()[:32]


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other.to(one.device))


def _shrunk(form: Form, stays: Mapping[int, Tensor], weight: Tensor) -> Form:
    if isinstance(form, Blocks):
        return form
    rows, columns = (stays.get(axis, torch.arange(weight.shape[axis])).to(weight.device) for axis in (0, 1))
    return form.shrunk(rows, columns)


def _read(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Adapter:
    config = AdapterConfig(**about["config"])
    axes = {
        name: {int(axis): tensors[f"stay/{number}"].long() for axis, number in stays.items()}
        for name, stays in about["axes"].items()
    }
    prototypes = _prototypes(dict(_under(f"{PROTOTYPES}/", tensors)))
    own = dict(_under("own/", tensors))
    names = dict.fromkeys(name.rpartition("/")[0] for name, _ in _under("form/", tensors))
    found = {
        name: _form(dict(_under(f"form/{name}/", tensors)), about["parts"].get(name), prototypes) for name in names
    }
    return Adapter(config, about["source"], axes, found, own, prototypes, about["about"])


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((name.removeprefix(prefix), value) for name, value in tensors.items() if name.startswith(prefix))


def _prototypes(saved: Mapping[str, Tensor]) -> Prototypes | None:
    if not saved:
        return None
    count, size, rank = saved["p"].shape
    made = Prototypes(count, size, rank, dtype=saved["p"].dtype)
    made.load_state_dict(saved)
    return made


def _form(saved: Mapping[str, Tensor], parts: list[int] | None, prototypes: Prototypes | None) -> Form:
    kinds: dict[str, type[Form]] = {"B": LowRank, "D": CentreTap, "C": Blocks}
    kind = next(kinds[leaf] for leaf in saved if leaf in kinds)
    form = kind.of(saved)
    if isinstance(form, LowRank):
        form.parts = tuple(parts or ())
    if isinstance(form, Blocks):
        form.__dict__["prototypes"] = prototypes
    return form
