"""Products that sum over channels or space in `convert`: einsum, matmul and linear, of tensors and weights.

Every frame is computed alone: time and streams are axes of each tensor and of the answer, and of no weight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from string import ascii_letters

import torch
from torch import Tensor, nn

from co_perception.continual.convert.functional import FunctionLayer, Slot, Weight
from co_perception.continual.convert.functions import elementwise
from co_perception.continual.convert.gates import gates_of
from co_perception.continual.convert.lengths import Length
from co_perception.continual.convert.rearrangement import emit_rearrangement, regroup
from co_perception.continual.convert.site import CHANNELS, STREAMS, WHOLE_CLIP, Axes, UnsupportedError, atoms
from co_perception.continual.convert.tensors import Emitter, StandIn, TracedTensor
from co_perception.continual.layer import TIME

Operand = TracedTensor | Weight


def einsum(emitter: Emitter, equation: str, *operands: object) -> TracedTensor:
    given = operands[0] if len(operands) == 1 and isinstance(operands[0], tuple | list) else operands
    terms, arrow, answer = equation.replace(" ", "").partition("->")
    if "." in equation or not arrow:
        raise UnsupportedError("write all axes of the equation, those of the answer too: 'nctv,vw->nctw'")
    return _contract(emitter, terms.split(","), _operands(emitter, given), answer)


def matmul(emitter: Emitter, first: object, second: object) -> TracedTensor:
    plain = [_without_batch_of_one(emitter, each) for each in (first, second)]
    left, right = operands = _operands(emitter, plain)
    dims = [_dims(operand) for operand in operands]
    if min(dims) < 1:
        raise UnsupportedError("a product of matrices needs axes")
    batch = max(dims) - min(2, min(dims))
    letters = ascii_letters[3 : 3 + batch]
    summed, row, column = "a", "b", "c"
    heads = [letters[batch - (n - 2) :] if n > 2 else "" for n in dims]
    terms = [
        f"{heads[0]}{row}{summed}" if dims[0] > 1 else summed,
        f"{heads[1]}{summed}{column}" if dims[1] > 1 else summed,
    ]
    answer = max(heads, key=len) + row * (dims[0] > 1) + column * (dims[1] > 1)
    return _contract(emitter, terms, [left, right], answer)


def _without_batch_of_one(emitter: Emitter, matrix: object) -> object:
    """A matrix for every stream and frame alike, which may come with axes of 1 for these."""
    if (
        isinstance(matrix, StandIn)
        or not isinstance(matrix, Tensor)
        or matrix.dim() < 3
        or set(matrix.shape[:-2]) != {1}
    ):
        return matrix
    return emitter.of_weights(Tensor.reshape, matrix, tuple(matrix.shape[-2:]))


def linear(emitter: Emitter, value: object, weight: object, bias: object = None) -> TracedTensor:
    operands = _operands(emitter, (value, weight))
    letters = ascii_letters[2 : 1 + _dims(operands[0])]
    answer = _contract(emitter, [f"{letters}a", "ba"], operands, f"{letters}b")
    return answer if bias is None else emitter.emit_call(torch.add, (answer, bias), {}, answer.axes)


def dot_product_attention(
    emitter: Emitter, query: TracedTensor, key: TracedTensor, value: TracedTensor, attn_mask: object = None,
    dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> TracedTensor:  # fmt: skip
    """`F.scaled_dot_product_attention` between the places, joints or channels of each frame."""
    if enable_gqa or is_causal or dropout_p:
        given = "enable_gqa" if enable_gqa else "is_causal" if is_causal else "dropout"
        raise UnsupportedError(f"it attends with {given}, which is not read here; write it with matmul and softmax")
    features = emitter.sizes(query)[-1]
    if isinstance(features, Length):
        raise UnsupportedError(f"it scales by the length of {query.axes}, which a stream does not have")
    turned = key.with_axes(key.axes.permuted([*range(len(key.axes.order) - 2), -1, -2]))
    scores = matmul(emitter, query, turned)
    factor = features**-0.5 if scale is None else scale
    scores = emitter.emit_call(torch.mul, (scores, factor), {}, scores.axes)
    if isinstance(attn_mask, Tensor) and not isinstance(attn_mask, StandIn) and attn_mask.dtype == torch.bool:
        attn_mask = emitter.of_weights(_additive, attn_mask)
    if attn_mask is not None:
        scores = elementwise(emitter, torch.add, (scores, attn_mask), {})
    return matmul(emitter, emitter.call_module(nn.Softmax(-1), scores), value)


def _additive(mask: Tensor) -> Tensor:
    """A mask of what is seen, as what is added to scores."""
    return torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))


def _operands(emitter: Emitter, given: object) -> list[Operand]:
    operands = list(given) if isinstance(given, tuple | list) else []
    for operand in operands:
        if not isinstance(operand, Tensor) or isinstance(operand, StandIn) and not isinstance(operand, TracedTensor):
            raise UnsupportedError(f"a product of tensors and weights, got {type(operand).__name__}")
    return [each if isinstance(each, TracedTensor) else emitter.weight(each) for each in operands]


def _dims(operand: Operand) -> int:
    return operand.tensor().dim() if isinstance(operand, Weight) else len(operand.axes.order)


def _contract(emitter: Emitter, terms: Sequence[str], operands: Sequence[Operand], answer: str) -> TracedTensor:
    for term, operand in zip(terms, operands, strict=True):
        if len(term) != _dims(operand) or len(set(term)) < len(term):
            raise UnsupportedError(f"{term!r} does not name the axes of a tensor of {_dims(operand)} axes, each once")
    gated = iter(gates_of(emitter, [each for each in operands if isinstance(each, TracedTensor)]))
    operands = [next(gated) if isinstance(each, TracedTensor) else each for each in operands]
    operands = _merged_alike(emitter, terms, operands)
    merged = _merged(terms, operands)
    if merged:
        return _contract_merged(emitter, terms, operands, answer, merged)
    values = [(term, each) for term, each in zip(terms, operands, strict=True) if isinstance(each, TracedTensor)]
    of_frames = [(term, each) for term, each in values if not _over_past(emitter, each)]
    streams, time = _one_letter(values, STREAMS), _one_letter(of_frames or values, TIME)
    for letter, what in ((streams, "streams of the batch"), (time, "frames")):
        weights = [term for term, operand in zip(terms, operands, strict=True) if isinstance(operand, Weight)]
        if letter and any(letter in term for term in weights):
            raise UnsupportedError(f"it weighs each of the {what} otherwise, of which a stream has any number")
        if letter and letter not in answer:
            ends = "which have to stay apart" if letter == streams else "so that it waits for the last one of a clip"
            raise UnsupportedError(f"its product sums over the {what}, {ends}; compute it of each frame alone")
    free = iter(letter for letter in ascii_letters if letter not in "".join(terms))
    time = time or next(free)  # pooled: kept in the stream, one answer per frame
    left = [letter for letter in answer if letter not in (streams, time)]
    traced = "".join(term for term, _ in values)
    channels = {term[each.axes.order.index(CHANNELS)] for term, each in values if CHANNELS in each.axes.order}
    term, last = values[-1]
    own = term[last.axes.order.index(CHANNELS)] if CHANNELS in last.axes.order else ""
    # Channels of the last tensor, as in a product of scores and values; else what a weight makes of those summed over.
    ranked = sorted(left, key=lambda letter: (letter != own, letter not in channels, letter in traced))
    channel = ranked[0] if ranked else ""
    space = [letter for letter in left if letter != channel]
    places = {streams: STREAMS, channel: CHANNELS, time: TIME} | {letter: 3 + i for i, letter in enumerate(space)}
    inputs = [
        _canonical(term, each, time, free) if isinstance(each, TracedTensor) else term
        for term, each in zip(terms, operands, strict=True)
    ]
    equation = f"{','.join(inputs)}->{streams}{channel}{time}{''.join(space)}"
    slots = iter(range(len(values)))
    args = tuple(Slot(next(slots)) if isinstance(each, TracedTensor) else each for each in operands)
    axes = replace(values[0][1].axes, order=tuple(places[letter] for letter in answer), space=len(space))
    axes = replace(axes, newest=any(each.axes.newest for _, each in values))
    return emitter.emit(FunctionLayer(_einsum, (equation, not channel, *args)), [each for _, each in values], axes)


def _merged_alike(emitter: Emitter, terms: Sequence[str], operands: Sequence[Operand]) -> list[Operand]:
    """The operands, an axis that is merged of the batch and more others in one of them than in another made alike.

    Windows of pictures are such an axis, where each has a mask.
    """
    counts: dict[str, set[int]] = {}
    for term, operand in zip(terms, operands, strict=True):
        for letter, part in zip(term, operand.axes.order if isinstance(operand, TracedTensor) else (), strict=False):
            counts.setdefault(letter, set()).add(len(atoms(part)))
    alike = list(operands)
    for letter in [letter for letter, found in counts.items() if len(found) > 1]:
        for i, (term, operand) in enumerate(zip(terms, alike, strict=True)):
            if isinstance(operand, TracedTensor) and letter in term:
                alike[i] = _inner_as_one(emitter, operand, term.index(letter))
    return alike


def _inner_as_one(emitter: Emitter, value: TracedTensor, at: int) -> TracedTensor:
    """The same plain tensor; the axes that are merged with the batch and time at `at` are one axis of the stream."""
    parts = [[(place, 0) for place in atoms(part)] for part in value.axes.order]
    outer = [piece for piece in parts[at] if piece[0] in (STREAMS, TIME)]
    inner = parts[at][len(outer) :]
    if len(inner) < 2 or parts[at][: len(outer)] != outer:
        return value
    groups = [*parts[:at], *([piece] for piece in outer), inner, *parts[at + 1 :]]
    y = emit_rearrangement(emitter, value, *regroup(value.axes, groups))
    order, end = y.axes.order, at + len(outer) + 1
    merged = tuple(place for part in order[at:end] for place in atoms(part))
    return y.with_axes(replace(y.axes, order=(*order[:at], merged, *order[end:])))


def _merged(terms: Sequence[str], operands: Sequence[Operand]) -> dict[str, int]:
    """Letters of axes that are several merged into one, and how many."""
    merged: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        for letter, part in zip(term, operand.axes.order if isinstance(operand, TracedTensor) else (), strict=False):
            if isinstance(part, tuple) and merged.setdefault(letter, len(part)) != len(part):
                raise UnsupportedError(f"axis {letter!r} is merged of other axes in one tensor than in another")
    return merged


def _contract_merged(
    emitter: Emitter, terms: Sequence[str], operands: Sequence[Operand], answer: str, merged: Mapping[str, int]
) -> TracedTensor:
    """The product with a letter for each of the axes that are merged into one."""
    free = iter(letter for letter in ascii_letters if letter not in "".join([*terms, answer]))
    letters = {letter: "".join(next(free) for _ in range(count)) for letter, count in merged.items()}
    apart: list[Operand] = []
    for term, operand in zip(terms, operands, strict=True):
        for letter in merged:
            at = term.find(letter)
            if at >= 0 and (isinstance(operand, Weight) or not isinstance(operand.axes.order[at], tuple)):
                raise UnsupportedError(f"axis {letter!r} is merged of several in one tensor, and in another it is not")
        flat = (
            operand
            if isinstance(operand, Weight)
            else operand.with_axes(replace(operand.axes, order=operand.axes.every))
        )
        apart.append(flat)
    spelled = ["".join(letters.get(letter, letter) for letter in term) for term in [*terms, answer]]
    y = _contract(emitter, spelled[:-1], apart, spelled[-1])
    places = iter(y.axes.every)
    order = tuple(
        tuple(next(places) for _ in range(merged[letter])) if letter in merged else next(places) for letter in answer
    )
    return y.with_axes(replace(y.axes, order=order))


def _one_letter(values: Sequence[tuple[str, TracedTensor]], place: int) -> str:
    """The letter of streams or time, the same in every tensor; empty where time was pooled in all."""
    letters = {term[each.axes.order.index(place)] if place in each.axes.order else "" for term, each in values}
    if "" in letters and len(letters) > 1:
        raise UnsupportedError(WHOLE_CLIP)
    if len(letters) != 1:
        raise UnsupportedError(
            "it multiplies frames, or streams, with others of their kind: attention over a clip, in which each frame's "
            "answer changes with every one that comes. One nn.TransformerEncoder over time converts, if its answer to "
            "the last frame is taken"
        )
    return letters.pop()


def _over_past(emitter: Emitter, value: TracedTensor) -> bool:
    """Whether a value without time is one for every frame, as a gate by past frames is."""
    return emitter.here.past_gates and not value.axes.pooled and TIME not in value.axes.every


def _canonical(term: str, value: TracedTensor, time: str, free: object) -> str:
    """The letters of x (B, C, T, *space), in which an axis that the plain tensor has not is of length 1."""
    axes: Axes = value.axes
    letters = {place: letter for place, letter in zip(axes.order, term, strict=True)} | {TIME: time}
    return "".join(letters[place] if place in letters else next(free) for place in range(3 + axes.space))  # type: ignore[call-overload]


def _einsum(equation: str, without_channels: bool, *tensors: Tensor) -> Tensor:
    y = torch.einsum(equation, *tensors)
    return y.unsqueeze(CHANNELS) if without_channels else y


CONTRACTIONS: Mapping[str, Callable[..., TracedTensor]] = {
    "einsum": einsum,
    "matmul": matmul,
    "bmm": matmul,
    "mm": matmul,
    "linear": linear,
    "scaled_dot_product_attention": dot_product_attention,
}
