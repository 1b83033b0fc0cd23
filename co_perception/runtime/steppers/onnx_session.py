"""Sessions of ONNX Runtime on the CPU. Free of torch: a bundle is stepped with this and NumPy.

The package `onnxruntime` is imported here, when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from co_perception.runtime.versions import is_since, numbers

if TYPE_CHECKING:
    from co_perception.runtime.steppers.onnx_graph import ModelProto

PIP_INSTALL = "pip install 'onnxruntime>=1.21,<1.29'"
MOST_THREADS = 4  # unless more are asked for
REPORTS_SINCE = (1, 29)  # from here on ONNX Runtime reports over the network how it is used (docs/security.md)
SHARES_SINCE = (1, 21)  # from here on its values have DLPack
NO_CONSTANTS: Mapping[str, NDArray[Any]] = MappingProxyType({})
WRITTEN = "session.optimized_model_external_initializers"
OrtValue = Any  # onnxruntime.OrtValue; the package has no types


class Session(Protocol):
    """The part of `onnxruntime.InferenceSession` that is used here."""

    def run(self, names: Sequence[str] | None, inputs: Mapping[str, object]) -> list[Any]: ...
    def run_with_ort_values(self, names: Sequence[str], inputs: Mapping[str, OrtValue]) -> list[OrtValue]: ...
    def get_inputs(self) -> list[Any]: ...
    def get_outputs(self) -> list[Any]: ...
    def get_modelmeta(self) -> Any: ...


def import_onnxruntime() -> ModuleType:
    """The package `onnxruntime`. ImportError names the extra, or says why the installed version is not used."""
    if any(is_since(package, REPORTS_SINCE) for package in ("onnxruntime", "onnxruntime-gpu")):
        raise ImportError(
            "ONNX Runtime 1.29 and later report over the network how they are used, and here nothing uses the network: "
            + PIP_INSTALL
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"to step in ONNX Runtime: {PIP_INSTALL}") from error
    if numbers(onnxruntime.__version__) < SHARES_SINCE:
        version = onnxruntime.__version__
        raise ImportError(f"ONNX Runtime {version} cannot share its memory with torch: {PIP_INSTALL}")
    return onnxruntime


def is_available() -> bool:
    """Whether ONNX Runtime is installed in a version that is used; nothing is imported."""
    reports = any(is_since(package, REPORTS_SINCE) for package in ("onnxruntime", "onnxruntime-gpu"))
    return find_spec("onnxruntime") is not None and not reports


def default_threads() -> int:
    """The cores this process may use, at most 4: beyond, a step of one stream gains little, and a robot has other
    work."""
    return min(len(os.sched_getaffinity(0)), MOST_THREADS)


def open_session(
    model: bytes | str,
    threads: int | None,
    *,
    optimize: bool = True,
    written: Path | None = None,
    written_constants: str = "",
    constants: Mapping[str, NDArray[Any]] = NO_CONSTANTS,
    arena: bool = True,
) -> Session:
    """A session on the CPU. Its threads wait actively within a step only: a robot shares its cores.

    Args:
        model: an ONNX file's bytes or its path.
        threads: None: `default_threads`.
        optimize: False for a graph that ONNX Runtime has optimized already.
        written: file for the optimized graph.
        written_constants: name of a file beside it that its large constants go into; empty: they stay in it.
        constants: values of the constants that the model names as external data. Their memory is used, not copied.
        arena: False: buffers are given back after each step, which for a small network costs next to nothing.
    """
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or default_threads()
    options.log_severity_level = 3
    if not optimize:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if written is not None:
        options.optimized_model_filepath = str(written)
    if written_constants:
        options.add_session_config_entry(f"{WRITTEN}_file_name", written_constants)
        options.add_session_config_entry(f"{WRITTEN}_min_size_in_bytes", "1024")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.enable_cpu_mem_arena = arena
    if constants:
        values = [runtime.OrtValue.ortvalue_from_numpy(array) for array in constants.values()]
        options.add_external_initializers(list(constants), values)
    session: Session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session


def quantized(model: ModelProto) -> bytes:
    """The model with the weights of its matrix products as integers -64..64, the same on every processor.

    x86 processors without VNNI add two products of an unsigned and a signed byte in 16 bits, which saturate
    (pmaddubsw). With weights of 7 bits they cannot: 2 * 255 * 64 = 32640 < 32768.
    """
    from tempfile import TemporaryDirectory

    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        products = ["MatMul", "Gemm"]
        quantize_dynamic(model, path, op_types_to_quantize=products, weight_type=QuantType.QInt8, reduce_range=True)
        return path.read_bytes()
