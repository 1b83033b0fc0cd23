"""A step under torch.compile: one graph without a break, with the answers of the layer itself."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounter

from co_perception.continual.layer import Streaming


@torch.no_grad()
def assert_compiles_without_break(layer: Streaming, x: Tensor) -> None:
    """Step through the clip x (B, C, T, *space) with the layer and with its compiled form."""
    torch.compiler.reset()
    graphs = CompileCounter()
    step = torch.compile(layer, fullgraph=True, backend=graphs)
    state = compiled = layer.init_state(len(x), (x.shape[1], *x.shape[3:]), dtype=x.dtype)
    for frame in x.split(1, dim=2):
        wanted, state = layer(frame, state)
        got, compiled = step(frame, compiled)
        torch.testing.assert_close(got, wanted)
    assert graphs.frame_count <= 2, "one graph for the fresh state, whose strides differ, and one for all others"
