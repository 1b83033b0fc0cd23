"""Names of the backends that step a network, and the options of a step. Free of torch, for settings and commands."""

from __future__ import annotations

from dataclasses import dataclass

AUTO = "auto"  # ONNX Runtime on a CPU, captured graphs on a GPU, the network itself where those do not work
BACKENDS = ("eager", "compiled", "onnxruntime", "openvino", "cuda")
FLOAT32 = "float32"
PRECISIONS = (FLOAT32, "bfloat16", "int8")  # of OpenVINO all but the last, of ONNX Runtime all but the second


@dataclass(frozen=True)
class StepOptions:
    """How a backend steps a network.

    Args:
        threads: CPU threads of a step where the backend has threads of its own; None: the backend's choice.
        precision: one of PRECISIONS. Other than "float32" answers change.
        lag: frames that inputs arrive late, for a part of a larger network.
        nchwc_state: ONNX Runtime only: keep state images in its blocked layout between steps (`nchwc_state`), where
            that layout was tested with the installed version.
        joint_rows: ONNX Runtime only: keep the past frames of skeletons one by one with a row for each joint
            (`joint_rows`), where the network has that form. int8 does without.
    """

    threads: int | None = None
    precision: str = FLOAT32
    lag: int = 0
    nchwc_state: bool = True
    joint_rows: bool = True
