"""A network of others through `convert`, tried in a process of its own: `python -m bench.converted NETWORK THREADS`.

Prints one line of JSON, a `Record`. The sources of the network are on PYTHONPATH. Beyond the proof of `convert`, the
comparison here streams a clip step by step.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Tensor, nn

from bench.clock import interleaved
from co_perception.continual.check import stream_clip
from co_perception.continual.convert.adopt import copied
from co_perception.continual.convert.convert import ConversionError, convert
from co_perception.continual.convert.proof import draw_weights
from co_perception.continual.layer import Streaming

ENTRIES = ("bench.converted_video", "bench.converted_sequences", "bench.converted_further")  # modules with NETWORKS
TOLERANCE = 1e-3  # of the largest answer, in single precision
EQUAL, REFUSED, DIFFERENT, TRACEBACK = "equal", "refused", "DIFFERENT", "TRACEBACK"
ABSENT, BROKEN, TIMEOUT = "absent", "does not run", "TIMEOUT"  # no source here; the plain network fails by itself


@dataclass(frozen=True, kw_only=True)
class PublicNetwork:
    """A network that others published, and how it is given to `convert`.

    Attributes:
        name: unique.
        source: a package of a registry ("torchvision"), or OWNER/NAME of a repository, looked for in the folder NAME.
        license: of the source.
        make: builds the network; imports its source itself.
        clip: lengths of the axes of one clip in the order of `layout`, the batch left out.
        folder: of the repository, on whose files the imports of `make` look first.
        layout: letters of the axes that the plain network takes.
        answer: letters of the axes of its answer, "BC" where it answers once per clip.
        frames: further lengths of clips that are compared.
        settings: further arguments of `convert`.
        comment: for the table.
    """

    name: str
    source: str
    license: str
    make: Callable[[], nn.Module]
    clip: tuple[int, ...]
    folder: str = ""
    layout: str = "BCTHW"
    answer: str = "BC"
    frames: tuple[int, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    comment: str = ""

    @property
    def registry(self) -> bool:
        """Whether it comes as a package."""
        return "/" not in self.source

    @property
    def sizes(self) -> dict[str, int]:
        """Lengths of the axes by letter; those that the plain network has."""
        return dict(zip(self.layout.replace("B", ""), self.clip, strict=True))

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(C, *space), space in the order of `layout`."""
        return tuple(self.sizes.get(letter, 1) for letter in canonical(self.layout) if letter not in "BT")

    def plain_clip(self, x: Tensor) -> Tensor:
        """x (B, C, T, *space) as the plain network takes it."""
        letters = canonical(self.layout)
        if "C" not in self.layout:
            x, letters = x[:, 0], letters.replace("C", "")
        return x.permute([letters.index(letter) for letter in self.layout]).contiguous()

    def call(self, plain: nn.Module, clip: Tensor) -> Tensor:
        """The answer of a copy of the plain network, since it may remember clips and write into what it is given."""
        answer = copied(plain)(clip, **self.settings.get("arguments", {}))
        output = self.settings.get("output")
        return answer if output is None else answer[output]

    def stream_answer(self, y: Tensor) -> Tensor:
        """The plain network's answer as (B, C, T, *space)."""
        letters = self.answer
        for missing in (letter for letter in "BCT" if letter not in letters):
            y, letters = y.unsqueeze(-1), letters + missing
        return y.permute([letters.index(letter) for letter in canonical(letters)])


def canonical(layout: str) -> str:
    """The letters in the order of a stream's axes."""
    return "BCT" + "".join(letter for letter in layout if letter not in "BCT")


@dataclass(frozen=True, kw_only=True)
class Record:
    """What came of a network. None: not measured.

    reasons: of refusals, each "path: operation: reason", or the error.
    difference: the largest of stream and plain network, as a share of the largest answer.
    single: the same in single precision, where that is more than `TOLERANCE` and `difference` is of double precision:
    then rounding tells the two apart, in the plain network as in the stream.
    clips: how many were compared.
    convert_s: seconds of processor time.
    onnxruntime: why ONNX Runtime does not step it; empty where it does, and gives the same.
    step_ms, clip_ms: medians of one stream on ONNX Runtime: of a step of `stride` frames in steady state, and of the
    plain network on the clip; untimed: why the second is not there.
    """

    name: str
    outcome: str
    reasons: list[str] = field(default_factory=list)
    difference: float | None = None
    single: float | None = None
    clips: int = 0
    convert_s: float | None = None
    stride: int | None = None
    onnxruntime: str = ""
    step_ms: float | None = None
    clip_ms: float | None = None
    untimed: str = ""


def networks() -> dict[str, PublicNetwork]:
    """All that are known, by name."""
    found: dict[str, PublicNetwork] = {}
    for entry in ENTRIES:
        with contextlib.suppress(ModuleNotFoundError):
            for network in importlib.import_module(entry).NETWORKS:
                found[network.name] = network
    return found


def example_of(network: PublicNetwork) -> Tensor:
    """A random clip as the plain network takes it."""
    return torch.randn(1, *network.clip).movedim(0, network.layout.index("B"))


def trial(network: PublicNetwork, threads: int | None = None) -> Record:
    """Convert, compare, and step in ONNX Runtime; with `threads`, time a step and a clip as well."""
    torch.manual_seed(0)
    example = example_of(network)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            plain = network.make()
            plain.eval()  # which gives None where a network's `train` does
            draw_weights(plain)
            network.call(plain, example)
    except ImportError as error:
        return Record(name=network.name, outcome=ABSENT, reasons=[str(error)])
    except Exception:
        return Record(name=network.name, outcome=BROKEN, reasons=_last_error())
    begin = process_time()
    try:
        layer = convert(plain, **{"layout": network.layout, "example": example, **network.settings})
    except ConversionError as refused:
        seconds = process_time() - begin
        reasons = [str(each) for each in refused.unsupported]
        return Record(name=network.name, outcome=REFUSED, reasons=reasons, convert_s=seconds)
    except Exception:
        return Record(name=network.name, outcome=TRACEBACK, reasons=_last_error())
    seconds = process_time() - begin
    try:
        layer.load_state_dict(plain.state_dict())  # weights of the plain network, names and shapes
        differences, single = list(compared(network, plain, layer)), None
        if not max(differences) <= TOLERANCE:  # drawn weights may make more of rounding than there is in a network
            single = max(differences)
            differences = list(compared(network, plain.double(), layer.double()))
            plain.float(), layer.float()
    except Exception:
        return Record(name=network.name, outcome=TRACEBACK, reasons=_last_error(), convert_s=seconds)
    worst = max(differences, key=lambda off: off if off == off else float("inf"))
    record = Record(
        name=network.name, outcome=EQUAL if worst <= TOLERANCE else DIFFERENT, difference=worst,
        single=single,
        clips=len(differences), convert_s=seconds, stride=layer.timing.stride,
    )  # fmt: skip
    return _stepped(record, network, plain, layer, threads)


@torch.no_grad()
def compared(network: PublicNetwork, plain: nn.Module, layer: Streaming) -> Iterator[float]:
    """Differences from the plain network, as shares of the largest answer: of a clip streamed, and of two as `clip`."""
    like = next(plain.parameters())
    for frames in (network.sizes["T"], *network.frames):
        for streams in (1, 2):
            x = torch.randn(streams, network.frame_shape[0], frames, *network.frame_shape[1:]).to(like)
            wanted = network.stream_answer(network.call(plain, network.plain_clip(x)))
            got = layer.clip(x) if streams > 1 else stream_clip(layer, x, layer.timing.stride)
            if "T" not in network.answer:
                got = got[:, :, -1:]
            if got.shape != wanted.shape:
                raise ValueError(f"{frames} frames give {tuple(got.shape)}, plainly {tuple(wanted.shape)}")
            yield float((got - wanted).abs().max() / wanted.abs().max().clamp(min=1e-6))


def _stepped(record: Record, network: PublicNetwork, plain: nn.Module, layer: Streaming, threads: int | None) -> Record:
    """The record with what ONNX Runtime makes of the network, and with times of `threads` threads."""
    from co_perception.runtime.steppers.choose import stepper
    from co_perception.runtime.steppers.options import StepOptions

    try:
        made = stepper(layer, network.frame_shape, "onnxruntime", StepOptions(threads or 1))
    except Exception as error:
        return dataclasses.replace(record, onnxruntime=f"{type(error).__name__}: {error}"[:300])
    if threads is None:
        return record
    state = made.init_state(1)
    chunk = torch.randn(1, network.frame_shape[0], layer.timing.stride, *network.frame_shape[1:])

    def step() -> None:
        nonlocal state
        _, state = made(chunk, state)

    for _ in range(-(-layer.settles(0) // layer.timing.stride) + 1):  # steps near a border are the plain network's
        step()
    calls: dict[str, Callable[[], object]] = {"step": step}
    try:
        calls["clip"] = _clip_on_onnxruntime(plain, network, threads)
    except Exception as error:
        record = dataclasses.replace(record, untimed=f"the plain network: {type(error).__name__}: {error}"[:300])
    found = interleaved({name: partial(_block, call) for name, call in calls.items()}, seconds=2.0, least=3)
    middle = {f"{name}_ms": sorted(times)[len(times) // 2] / 1e6 for name, times in found.items()}
    return dataclasses.replace(record, **middle)


def _block(call: Callable[[], object]) -> list[int]:
    begin = perf_counter()
    call()
    return [int((perf_counter() - begin) * 1e9)]


def _clip_on_onnxruntime(plain: nn.Module, network: PublicNetwork, threads: int) -> Callable[[], object]:
    import onnxruntime

    x = example_of(network).contiguous()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder, "clip.onnx")
        program: Any = torch.onnx.export(copied(plain), (x,), dynamo=True, verbose=False)
        program.save(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: x.numpy()}
    return lambda: session.run(None, given)


def _last_error() -> list[str]:
    kind, error, trace = sys.exc_info()
    place = traceback.extract_tb(trace)[-1]
    return [f"{kind.__name__ if kind else ''}: {error} ({Path(place.filename).name}:{place.lineno})"]


def main(given: Sequence[str]) -> int:
    """Try one network; of 0 threads no times are taken."""
    name, threads = given[0], int(given[1])
    torch.set_num_threads(max(threads, 1))
    record = trial(networks()[name], threads or None)
    print(json.dumps(dataclasses.asdict(record)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
