"""Continual forms of recurrent layers and attention in `convert`: x (B, T, C) or (T, B, C)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from torch import nn

from co_perception.continual import attention, encoder, recurrent
from co_perception.continual.convert.adopt import adopt
from co_perception.continual.convert.site import Axes, Converted, Converter, Site, UnsupportedError

Sizes = tuple[int, int]  # embed_dim, num_heads


def _rnn(kind: Callable[..., nn.Module]) -> Converter:
    def converter(module: nn.RNNBase, site: Site) -> Converted:
        _check_sequence(module, site.axes, "recurrence")
        if module.bidirectional:
            raise UnsupportedError(
                "bidirectional: its second direction starts at the last frame, and a stream has none"
            )
        if module.proj_size:
            raise UnsupportedError("proj_size is not supported")
        settings: dict[str, object] = dict(bias=module.bias, dropout=module.dropout)
        if isinstance(module, nn.RNN):
            settings["nonlinearity"] = module.nonlinearity
        size = (module.input_size, module.hidden_size, module.num_layers)
        layer = adopt(lambda: kind(*size, **settings), module)
        return layer, Axes((0, 2, 1) if module.batch_first else (2, 0, 1), 0)

    return converter


def _attention(module: nn.MultiheadAttention, site: Site) -> Converted:
    _check_sequence(module, site.axes, "attention")
    sizes, settings = _attention_settings(module)
    make = partial(attention.SingleOutputAttention, *sizes, site.window("attention"), **settings)
    return adopt(make, module), replace(site.axes, newest=True)


def _encoder_layer(module: nn.TransformerEncoderLayer, site: Site) -> Converted:
    _check_sequence(module.self_attn, site.axes, "attention")
    sizes, settings = _encoder_settings(module)
    make = partial(encoder.SingleOutputEncoderLayer, *sizes, site.window("attention"), **settings)
    return adopt(make, module), replace(site.axes, newest=True)


def _encoder(module: nn.TransformerEncoder, site: Site) -> Converted:
    _check_sequence(module.layers[0].self_attn, site.axes, "attention")
    sizes, settings = _encoder_settings(module.layers[0])
    if any(_encoder_settings(layer) != (sizes, settings) for layer in module.layers):
        raise UnsupportedError("its layers differ in size or settings")
    if module.norm is not None and type(module.norm) is not nn.LayerNorm:
        raise UnsupportedError(f"its last norm is {module.norm}, expected a LayerNorm")
    window, depth = site.window("attention"), len(module.layers)

    def make() -> nn.Module:
        layer = encoder.TransformerEncoder(depth, *sizes, window, final_norm=module.norm is not None, **settings)
        if layer.norm is not None and isinstance(module.norm, nn.LayerNorm):
            layer.norm.eps = module.norm.eps
        return layer

    return adopt(make, module), replace(site.axes, newest=True)


def _attention_settings(module: nn.MultiheadAttention) -> tuple[Sizes, attention.AttentionSettings]:
    if module.in_proj_weight is None:
        raise UnsupportedError("kdim and vdim other than embed_dim are not supported")
    if module.bias_k is not None or module.add_zero_attn:
        raise UnsupportedError("add_bias_kv and add_zero_attn are not supported")
    settings = attention.AttentionSettings(
        dropout=module.dropout, bias=module.out_proj.bias is not None, in_proj_bias=module.in_proj_bias is not None
    )
    return (module.embed_dim, module.num_heads), settings


def _encoder_settings(module: nn.Module) -> tuple[Sizes, encoder.EncoderSettings]:
    if not isinstance(module, nn.TransformerEncoderLayer) or type(module) is not nn.TransformerEncoderLayer:
        raise UnsupportedError(f"its layers are {type(module).__name__}, expected TransformerEncoderLayer")
    sizes, settings = _attention_settings(module.self_attn)
    return sizes, encoder.EncoderSettings(
        **settings,
        feedforward=module.linear1.out_features,
        activation=module.activation,
        norm_first=module.norm_first,
        layer_norm_eps=module.norm1.eps,
    )


def _check_sequence(module: nn.RNNBase | nn.MultiheadAttention, axes: Axes, what: str) -> None:
    wanted = Axes((0, 2, 1) if module.batch_first else (2, 0, 1), 0)
    if (axes.order, axes.space) != (wanted.order, 0):
        if axes.order == (wanted.order[1], wanted.order[0], wanted.order[2]):
            raise UnsupportedError(
                f"it is given {axes} and has batch_first={module.batch_first}, so that its {what} goes over the batch "
                "and mixes the clips in it: what it says of one depends on those beside it. Make it "
                f"batch_first={not module.batch_first}, and train it so",
                always=True,
            )
        raise UnsupportedError(f"it has to be given {wanted} (batch_first={module.batch_first}), but is given {axes}")
    axes.need_frames(what)


SEQUENCES: Mapping[type[nn.Module], Converter] = MappingProxyType(
    {
        nn.RNN: _rnn(recurrent.RNN),
        nn.LSTM: _rnn(recurrent.LSTM),
        nn.GRU: _rnn(recurrent.GRU),
        nn.MultiheadAttention: _attention,
        nn.TransformerEncoderLayer: _encoder_layer,
        nn.TransformerEncoder: _encoder,
    }
)
