"""What people write in a forward: equal to the plain network after conversion, or refused for a reason that is true."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_unsupported
from torch import Tensor, nn

from co_perception.continual.check import check_streaming
from co_perception.continual.convert.convert import ConversionError, convert
from co_perception.runtime.steppers.choose import stepper

Forward = Callable[[Any, Tensor], Tensor]


class Net(nn.Module):
    """A convolution over (B, C, T, V), some weights, and what `forward` makes of them."""

    def __init__(self, forward: Forward, channels: int = 6, joints: int = 4) -> None:
        super().__init__()
        self.how = forward
        self.conv = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0))
        self.causal = nn.Conv2d(channels, channels, (3, 1), dilation=(2, 1))
        self.norm, self.path = nn.BatchNorm2d(channels), nn.Identity()
        self.relu, self.softmax = nn.ReLU(inplace=True), nn.Softmax(dim=-1)
        self.graph = nn.Buffer(torch.randn(3, joints, joints))
        self.added = nn.Parameter(torch.randn(3, joints, joints))
        self.mix = nn.Parameter(torch.randn(5, channels))
        self.bias = nn.Parameter(torch.randn(5))

    def forward(self, x: Tensor, mask: Tensor | None = None, inference: bool = False) -> Tensor:
        if mask is not None or inference:
            return x * 0
        return self.how(self, x)


def graph_convolution(net: Any, x: Tensor) -> Tensor:
    y = torch.zeros(())
    for hop in range(3):
        y = y + torch.matmul(net.conv(x), net.graph[hop] * 2 + net.added[hop])
    return y


def attention_of_joints(net: Any, x: Tensor) -> Tensor:
    y = net.conv(x)
    weights = torch.softmax(torch.einsum("nctv,nctw->ntvw", y, y), -1)
    return torch.einsum("ntvw,nctw->nctv", weights, x)


def chomped(net: Any, x: Tensor) -> Tensor:
    return F.conv2d(x, net.conv.weight, padding=(2, 0))[:, :, :-2]


def preactivation(net: Any, x: Tensor) -> Tensor:
    x = net.conv(x)
    shortcut = x.clone()
    return net.causal(F.pad(net.relu(x), (0, 0, 4, 0))) + shortcut


def softmax_of_two_layouts(net: Any, x: Tensor) -> Tensor:
    y = net.conv(x)
    return net.softmax(y) + 2 * net.softmax(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def shifted(net: Any, x: Tensor) -> Tensor:
    y, out = net.conv(x), torch.zeros_like(x)
    out[:, :2, :-1] = y[:, :2, 1:]
    out[:, 2:4, 1:] = y[:, 2:4, :-1]
    out[:, 4:] = y[:, 4:]
    return out


def written(net: Any, x: Tensor) -> Tensor:
    y = net.conv(x)
    y[..., -1] = x[..., 0] * 2
    y[:, 1:3, :, :2] = 0.5
    return y


EQUAL: dict[str, Forward] = {
    "graph convolution, weights summed": graph_convolution,
    "einsum with a stack of graphs": lambda net, x: torch.einsum("nctv,kvw->nkctw", x, net.graph + net.added).sum(1),
    "attention of joints": attention_of_joints,
    "linear function": lambda net, x: F.linear(x.permute(0, 2, 3, 1), net.mix, net.bias).permute(0, 3, 1, 2),
    "matmul from the left": lambda net, x: torch.matmul(net.added[0], x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
    "vector": lambda net, x: torch.matmul(net.conv(x), net.added[0, 0]),
    "padded answer": lambda net, x: F.pad(net.conv(x), (0, 0, 1, 1)),
    "padding before a pool": lambda net, x: F.max_pool2d(F.pad(x, (0, 0, 1, 1)), (3, 1), 1),
    "padding before a padded pool": lambda net, x: F.max_pool2d(F.pad(x, (0, 0, 2, 0)), (3, 1), 1, (1, 0)),
    "padding before a mean": lambda net, x: F.avg_pool2d(F.pad(x, (1, 1, 0, 2)), 3, 1),
    "padding before a function": lambda net, x: F.pad(net.conv(x), (0, 0, 2, 1)).sigmoid()[:, :, 2:-1] + x,
    "every third frame": lambda net, x: net.conv(x)[:, :, ::3],
    "frames of zeros": lambda net, x: torch.cat([torch.zeros(x.size(0), 6, 2, 4, dtype=x.dtype), x[:, :, :-2]], 2) * x,
    "shift of channels": shifted,
    "written space": written,
    "mean so far": lambda net, x: net.conv(x).cumsum(2) / torch.arange(1, x.shape[2] + 1)[None, None, :, None],
    "age": lambda net, x: net.conv(x) * (torch.arange(x.size(2), dtype=x.dtype).view(-1, 1) * 0.1).exp(),
    "causal padding": lambda net, x: net.causal(F.pad(x, (0, 0, 4, 0))),
    "padding of channels": lambda net, x: F.pad(net.conv(x), (0, 0, 0, 0, 1, 2)),
    "replicated space": lambda net, x: F.pad(net.conv(x), (1, 2, 0, 0), "replicate"),
    "padding of space": lambda net, x: net.conv(F.pad(x, (1, 2))) + F.pad(net.conv(x), (1, 2), value=3.0),
    "clone before in place": preactivation,
    "one module, two layouts": softmax_of_two_layouts,
    "split by size": lambda net, x: net.conv(x).split(3, 1)[0] * net.conv(x).split([2, 3, 1], 1)[1],
    "gated linear unit": lambda net, x: F.glu(net.conv(x), 1),
    "functional convolution": chomped,
    "all parts joined": lambda net, x: torch.cat(net.conv(x).split(3, 1)[::-1], 1),
    "upsampled joints": lambda net, x: F.interpolate(net.conv(x), scale_factor=(1.0, 2.0)),
    "batch norm as a function": lambda net, x: F.batch_norm(
        net.conv(x), net.norm.running_mean, net.norm.running_var + 0.5, net.norm.weight, net.norm.bias, net.training
    ),
    "batch norm without weights": lambda net, x: F.batch_norm(x, net.norm.running_mean, net.norm.running_var),
    "layer norm over channels": lambda net, x: F.layer_norm(
        net.conv(x).permute(0, 2, 3, 1), (6,), net.norm.weight, net.norm.bias, 1e-6
    ).permute(0, 3, 1, 2),
    "layer norm over joints": lambda net, x: F.layer_norm(x, (4,)),
    "view in place": lambda net, x: _changed(net.conv(x), lambda y: y[:, 2:4]),
    "transposed in place": lambda net, x: _changed(net.conv(x), lambda y: y.transpose(1, 3)),
    "view of a view in place": lambda net, x: _changed(net.conv(x), lambda y: y.permute(0, 3, 2, 1)[..., 1:3]) * x,
    "added to a part": lambda net, x: _added_to_a_part(net.conv(x)),
    "chosen by a mask": lambda net, x: torch.where(x > 0, net.conv(x), -x).masked_fill((x > 1) & (x < 2), 0.5),
    "numbers in place": lambda net, x: net.conv(x) * _numbers_in_place(x),
    "weights beside joints": lambda net, x: torch.cat(
        [net.bias[:1].view(1, 1, 1, 1).expand(x.size(0), 6, x.size(2), 1), net.conv(x),
         net.norm.weight.view(1, 6, 1, 1).expand(x.shape[0], -1, x.shape[2], 2)], 3),
    "weights and zeros beside channels": lambda net, x: torch.cat(
        [net.conv(x), x.new_zeros(x.size(0), 2, x.size(2), 4), net.norm.bias[:1, None, None].expand(1, 1, 1, 4)
         .expand(x.shape[0], 1, x.shape[2], 4), x[:, :1]], dim=1),
    "attention of joints as a function": lambda net, x: F.scaled_dot_product_attention(
        net.conv(x).permute(0, 2, 3, 1), x.permute(0, 2, 3, 1), x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
    "attention with a mask": lambda net, x: F.scaled_dot_product_attention(
        x.permute(0, 2, 3, 1), x.permute(0, 2, 3, 1), net.conv(x).permute(0, 2, 3, 1), attn_mask=net.added[0] > -1,
        scale=0.3).permute(0, 3, 1, 2),
    "resized to a size": lambda net, x: F.interpolate(F.max_pool2d(net.conv(x), (1, 2)), size=x.shape[2:]) * x,
    "resized linearly": lambda net, x: F.interpolate(
        net.conv(x), scale_factor=(1.0, 2.0), mode="bilinear", align_corners=True),
    "a product added": lambda net, x: torch.addcmul(net.conv(x), x, x, value=0.5),
    "norm of joints": lambda net, x: net.conv(x) * x.norm(p=2, dim=3, keepdim=True),
    "zeros made of old": lambda net, x: torch.cat([x.new(x.size(0), 6, 1, 4).zero_(), x[:, :, :-1]], 2) - net.conv(x),
    "positions by a mask": lambda net, x: net.conv(x) + _positions_by_a_mask(x),
    "shares of ones": lambda net, x: net.conv(x) * torch.ones(x.size(0), 1, 1, 4, dtype=x.dtype).softmax(-1),
    "looks for numbers that are none": lambda net, x: _checked(net.conv(x)),
    "largest joint by name": lambda net, x: x.max(-1, keepdim=True).values * net.conv(x).max(1, keepdim=True).indices,
    "joints in order": lambda net, x: net.conv(x.sort(-1, descending=True).values) * x.sort(1)[1],
    "largest and smallest joints": lambda net, x: x.topk(3, -1)[0][..., 1:] - net.conv(x).topk(2, largest=False).values,
    "a buffer that stays": lambda net, x: _assigned(net, x, net.graph.clone()),
    "two paths through an identity": lambda net, x: sum(net.path([net.conv(x), net.causal(F.pad(x, (0, 0, 4, 0)))])),
}  # fmt: skip
REFUSED: dict[str, tuple[Forward, str]] = {
    "chunk in place": (lambda net, x: _changed(net.conv(x), lambda y: y.chunk(2, 1)[0]), "shares memory"),
    "part in place": (lambda net, x: _changed(net.conv(x), lambda y: y.split(3, 1)[0]), "shares memory"),
    "part of a changed tensor": (lambda net, x: _part_of_changed(net.conv(x)), "shares memory"),
    "frames in place": (lambda net, x: _changed(net.conv(x), lambda y: y[:, :, 1:]), "into some frames"),
    "sum over frames": (lambda net, x: torch.einsum("nctv,nctw->ncvw", x, x), "sums over the frames"),
    "batch norm of the clip": (lambda net, x: F.batch_norm(net.conv(x), None, None, None, None, True), "the clip"),
    "layer norm over frames": (lambda net, x: F.layer_norm(net.conv(x), x.shape[2:]), "measures frames together"),
    "a weight for each frame": (
        lambda net, x: torch.einsum("nctv,tvw->nctw", x, torch.rand(12, 4, 4, dtype=x.dtype)), "frames otherwise",
    ),
    "frames before a clip": (
        lambda net, x: torch.cat([net.bias[:1].view(1, 1, 1, 1).expand(x.size(0), 6, 1, 4), x], 2), "than zeros",
    ),
    "numbers of a view in place": (lambda net, x: x * _ones_of_a_view(x), "shares memory"),
    "product of frames": (lambda net, x: x.transpose(2, 3) @ x, "sums over the frames"),
    "attention over frames": (lambda net, x: x.permute(0, 3, 2, 1) @ x.permute(0, 3, 1, 2), "attention over a clip"),
    "reflected channels": (
        lambda net, x: F.pad(net.conv(x).permute(0, 2, 3, 1), (1, 1), "replicate").permute(0, 3, 1, 2), "pads channels",
    ),
    "replicated in time": (lambda net, x: net.conv(F.pad(x, (0, 0, 1, 1), "replicate")), "only zero frames"),
    "a buffer anew": (lambda net, x: _assigned(net, x, net.graph * 0.5 + 1), "puts another tensor into 'graph'"),
    "a parameter anew": (lambda net, x: _mixed_anew(net, x), "puts another tensor into 'mix'"),
    "median of joints": (lambda net, x: net.conv(x) - x.median(-1, keepdim=True).values, "no continual form"),
    "frames in order": (lambda net, x: net.conv(x).sort(2).values, "puts frames or streams in order"),
    "looks for zeros": (lambda net, x: x if (net.conv(x) != 0).any() else -x, "must not depend on a tensor"),
    "more frames": (lambda net, x: F.interpolate(net.conv(x), scale_factor=(2.0, 1.0)), "more or fewer frames"),
}  # fmt: skip


def _positions_by_a_mask(x: Tensor) -> Tensor:
    """As in DETR (Carion et al., ECCV 2020, arXiv:2005.12872), of joints."""
    seen = ~torch.zeros((x.size(0), x.size(3)), dtype=torch.bool)
    numbers = seen.cumsum(1, dtype=x.dtype)
    return (numbers / numbers[:, -1:]).sin()[:, None, None, :].reshape(x.size(0), 1, 1, -1)


def _checked(y: Tensor) -> Tensor:
    assert not (y != y).any() and not torch.isnan(y).any()
    if not torch.isfinite(y).all() or y.isinf().any():
        raise ValueError("not finite")
    return y


def _assigned(net: Any, x: Tensor, graph: Tensor) -> Tensor:
    net.graph = graph
    return net.conv(x) @ net.graph[0]


def _mixed_anew(net: Any, x: Tensor) -> Tensor:
    net.mix = nn.Parameter(net.mix + 1)
    return torch.einsum("nctv,dc->ndtv", net.conv(x), net.mix)


def _changed(y: Tensor, view: Callable[[Tensor], Tensor]) -> Tensor:
    view(y).relu_()
    return y


def _added_to_a_part(y: Tensor) -> Tensor:
    y[:, 1:] += 1
    y[..., 0] *= y[..., 1]
    return y


def _ones_of_a_view(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:, :3].fill_(1.0)
    return y


def _numbers_in_place(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    z = y.clone().fill_(3.0)
    y.fill_(0.5)
    y += 1
    return y * z


def _part_of_changed(y: Tensor) -> Tensor:
    parts = y.split(3, 1)
    y.transpose(1, 3).relu_()
    return parts[0]


def made(forward: Forward) -> Net:
    torch.manual_seed(0)
    return Net(forward).double().eval()


@pytest.mark.parametrize("name", EQUAL)
def test_equal(name: str) -> None:
    network = made(EQUAL[name])
    layer = convert(network, example=(6, 4))
    other = made(EQUAL[name])
    for value in [*other.parameters(), *other.buffers()]:
        if value.is_floating_point():
            value.data.mul_(1.5)
    layer.load_state_dict(other.state_dict())  # what is computed from weights follows them
    with torch.no_grad():
        check_streaming(
            layer, (6, 4), reference=other, tolerance=1e-9, export=False, gradients=False, dtype=torch.float64
        )


QUICK = ("weights and zeros beside channels", "attention with a mask", "chosen by a mask", "resized linearly")


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in EQUAL)])
def test_onnx_runtime_steps_what_converts(name: str) -> None:
    pytest.importorskip("onnxruntime")
    layer = convert(made(EQUAL[name]).float(), example=(6, 4), proof=False)
    stepper(layer, (6, 4), "onnxruntime")  # which compares it with the network


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    forward, reason = REFUSED[name]
    reasons = assert_unsupported(reason, convert, made(forward), example=(6, 4))
    assert len(reasons) == 1, "what follows from a refusal is none of its own"


# Faults of ../shared/faults by their names ----------------------------------------------------------------------------


def test_conv_forward() -> None:
    class Standardized(nn.Conv1d):
        def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            return super()._conv_forward(x, weight - weight.mean((1, 2), keepdim=True), bias)

    network, x = nn.Sequential(Standardized(6, 6, 3, padding=1)).eval(), torch.randn(1, 6, 9)
    torch.testing.assert_close(convert(network).clip(x), network(x))


@pytest.mark.parametrize("where", ["the network", "a container"])
def test_container_hook(where: str) -> None:
    inner = nn.Sequential(nn.Conv1d(6, 6, 3))
    network = nn.Sequential(inner, nn.ReLU()).eval()
    (network if where == "the network" else inner).register_forward_hook(lambda module, given, answer: answer * 2)
    x = torch.randn(1, 6, 9)
    torch.testing.assert_close(convert(network).clip(x), network(x))
    network.get_submodule("0.0").register_forward_hook(lambda module, given, answer: answer * 2)
    with pytest.raises(ConversionError, match="forward hooks"):
        convert(network)


def test_patched_forward() -> None:
    def doubled(self: nn.Module, x: Tensor) -> Tensor:
        return nn.Conv1d.forward(self, x) * 2  # type: ignore[arg-type]

    network = nn.Sequential(nn.Conv1d(6, 6, 3)).eval()
    network[0].forward = types.MethodType(doubled, network[0])
    frames = torch.randn(1, 6, 9)
    torch.testing.assert_close(convert(network).clip(frames), network(frames))
    whole = made(lambda net, x: net.conv(x))
    whole.forward = types.MethodType(lambda self, x: self.conv(x) * 2, whole)  # type: ignore[method-assign]
    x = torch.randn(1, 6, 9, 4, dtype=torch.float64)
    torch.testing.assert_close(convert(whole, example=(6, 4)).clip(x), whole(x), rtol=0, atol=1e-12)


STATES: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda h: h.mean(0), "squeeze": lambda h: h.squeeze(0), "first": lambda h: h[0], "last": lambda h: h[-1],
}  # fmt: skip


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("how", STATES)
def test_recurrent_h(how: str, layers: int) -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru, self.fc = nn.GRU(6, 6, layers), nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(STATES[how](self.gru(x)[1]))

    torch.manual_seed(0)
    network, x = Last().double().eval(), torch.randn(8, 1, 6, dtype=torch.float64)
    if layers == 2 and how != "last":
        with pytest.raises(ConversionError, match="h"):
            convert(network, layout="TBC")
    else:
        answer = convert(network, layout="TBC").clip(x.permute(1, 2, 0))[:, :, -1]
        torch.testing.assert_close(answer, network(x), rtol=0, atol=1e-12)


def test_training_branch() -> None:
    network = made(lambda net, x: net.conv(x) * 3 if net.training else net.conv(x))
    convert(network, example=(6, 4))
    with pytest.raises(ConversionError, match="differs in training mode"):
        convert(network.train(), example=(6, 4))
    dropping = made(lambda net, x: F.dropout(net.conv(x), 0.5, net.training)).train()
    assert convert(dropping, example=(6, 4)).training


def test_weight_norm() -> None:
    kinds = (nn.utils.weight_norm, nn.utils.spectral_norm)
    for kind in (*kinds, nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm):
        torch.manual_seed(0)
        network = nn.Sequential(kind(nn.Conv1d(6, 6, 3, padding=1)), nn.ReLU()).double().eval()
        layer = convert(network)
        with torch.no_grad():
            for value in network.parameters():
                value.mul_(1.3)
        assert layer.state_dict().keys() == network.state_dict().keys()
        layer.load_state_dict(network.state_dict())
        check_streaming(layer, (6,), reference=network, tolerance=1e-9, export=False, gradients=False)


def test_numpy_sizes() -> None:
    network = nn.Sequential(nn.Conv1d(6, np.int64(8), np.int64(3), padding=1, stride=np.int64(1)), nn.ReLU())  # type: ignore[arg-type]
    assert isinstance(convert(network.eval()).get_submodule("0").in_channels, int)


def test_size_slice() -> None:
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, (3, 1), padding=(1, 0))

        def forward(self, x: Tensor) -> Tensor:
            return F.avg_pool2d(self.conv(x), x.size()[2:])

    torch.manual_seed(0)
    network, x = Pooled().double().eval(), torch.randn(1, 3, 8, 5, dtype=torch.float64)
    layer = convert(network, window=8, example=(3, 5))
    torch.testing.assert_close(layer.clip(x), network(x), rtol=0, atol=1e-12)


SPATIAL: dict[str, nn.Module] = {
    "transposed": nn.ConvTranspose3d(6, 6, (1, 2, 2), stride=(1, 2, 2)),
    "reflected": nn.Conv3d(6, 6, (1, 3, 3), padding=(0, 1, 1), padding_mode="reflect"),
    "ceil mode": nn.MaxPool3d((1, 3, 3), (1, 2, 2), ceil_mode=True),
    "zero pad": nn.ZeroPad3d((1, 1, 1, 1, 0, 0)),
    "gated linear unit": nn.GLU(1),
    "channel shuffle": nn.ChannelShuffle(2),
    "upsample": nn.Upsample(scale_factor=(1, 2, 2)),
    "causal": nn.Sequential(nn.ConstantPad3d((0, 0, 0, 0, 2, 0), 0.0), nn.Conv3d(6, 6, (3, 1, 1))),
}  # fmt: skip


@pytest.mark.parametrize("name", SPATIAL)
def test_modules_of_space(name: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv3d(3, 6, 3, padding=1), SPATIAL[name]).double().eval()
    layer = convert(network, example=(3, 5, 5))
    with torch.no_grad():
        check_streaming(layer, (3, 5, 5), reference=network, tolerance=1e-9, export=False, gradients=False)


def test_root_mean_square_norm_of_channels() -> None:
    network = nn.Sequential(nn.Linear(3, 6), nn.RMSNorm(6)).double().eval()
    x = torch.randn(2, 3, 7, dtype=torch.float64)
    torch.testing.assert_close(convert(network).clip(x), network(x.mT).mT, rtol=0, atol=1e-12)


def test_without_an_example_of_pictures_it_says_that_nothing_is_proved() -> None:
    network = nn.Sequential(nn.Conv3d(3, 6, 3)).eval()
    with pytest.warns(UserWarning, match="give a clip or the shape of a frame"):
        convert(network)
    with pytest.raises(ValueError, match="3 axes"):
        convert(network, example=(3, 5))
    convert(network, example=torch.zeros(1, 3, 4, 5, 5))


class FlatJoints(nn.Module):
    """Clips (B, C, T, V) of joints, whose first layer takes (B, C * V, T)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out = nn.Conv1d(3 * 4, 5, 3), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.conv(x.permute(0, 1, 3, 2).flatten(1, 2)).mean(2))


def test_where_the_first_layer_does_not_tell_the_axes_it_asks_for_them() -> None:
    network, example = FlatJoints().eval(), torch.zeros(1, 3, 8, 4)
    with pytest.raises(ValueError, match='shape .1, 3, 8, 4.*say layout="BCTV" for joints'):
        convert(network, example=example)
    layer = convert(network, example=example, layout="BCTV")
    check_streaming(layer, (3, 4), reference=network, whole_clip=True, gradients=False)


def test_a_reading_that_is_wrong_is_refused_by_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    from co_perception.continual.convert import function_reader

    monkeypatch.setattr(function_reader, "SAME", frozenset({"abs"}))  # as if abs() were nothing
    with pytest.raises(ConversionError, match="answers otherwise than the plain network"):
        convert(made(lambda net, x: net.conv(x).abs()), example=(6, 4))


def test_a_clip_that_is_shorter_than_a_window_is_named() -> None:
    network = nn.Sequential(nn.Conv3d(3, 4, 3, stride=(8, 2, 2), padding=1), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    layer = convert(network.eval(), window=16, example=(3, 16, 16))
    with pytest.raises(ValueError, match="a clip of 16 frames is too short"):
        layer.clip(torch.randn(1, 3, 16, 16, 16))
