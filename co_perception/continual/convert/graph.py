"""Conversion of a module with a forward of its own: it runs once on stand-ins for tensors, and a `Dag` comes of it."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from co_perception.continual.convert import constants
from co_perception.continual.convert.builder import FollowsError
from co_perception.continual.convert.frames import with_frames
from co_perception.continual.convert.function_reader import OF_LENGTHS, FunctionReader, logged
from co_perception.continual.convert.functional import parts
from co_perception.continual.convert.interception import intercepted
from co_perception.continual.convert.layers import ReportedError
from co_perception.continual.convert.lengths import (
    Length,
)
from co_perception.continual.convert.operations import (
    OUTDATED,
    named,
)
from co_perception.continual.convert.properties import ATTRIBUTES, QUESTIONS, attribute_name
from co_perception.continual.convert.rearrangement import laid_out
from co_perception.continual.convert.recurrences import StateSlot, cell_of
from co_perception.continual.convert.site import (
    CHANNELS,
    FRAMES_APART,
    STREAMS,
    Axes,
    Site,
    UnsupportedError,
    user_line,
)
from co_perception.continual.convert.tensors import (
    Absent,
    StandIn,
    TracedTensor,
    UnknownResult,
)
from co_perception.continual.convert.weights import RegisteredTensors
from co_perception.continual.dag import Dag, DagNode
from co_perception.continual.framewise import streaming
from co_perception.continual.layer import TIME, evaluation_mode


def read(module: nn.Module, site: Site) -> tuple[nn.Module, Axes]:
    """The network that `module` computes, and the axes of its answer."""
    if any(child.training for child in module.modules()):
        check_training_branch(module, site)
    with evaluation_mode(module):
        reader, answer = _run(module, site)
    if site.unsupported or answer is None:
        return nn.Identity(), site.axes if answer is None else answer.axes
    needed = {answer.node, 0}  # the values that the answer depends on
    for number in range(answer.node, 0, -1):
        if number in needed:
            needed.update(reader.nodes[number - 1].inputs)
    if any(isinstance(reader.nodes[number - 1].layer, StateSlot) for number in needed if number):
        raise UnsupportedError(FRAMES_APART)
    renumbered = {old: new for new, old in enumerate(sorted(needed))}
    nodes = [
        DagNode(node.layer, tuple(renumbered[i] for i in node.inputs))
        for number, node in enumerate(reader.nodes, start=1)
        if number in needed
    ]
    reader.register_layers()
    if reader.clip.taken:
        site.of_one_length.append(site.path)
    dag = Dag(nodes or [DagNode(streaming(nn.Identity()), (0,))], module, site.frame if reader.bound else None)
    dag.training = module.training
    return dag, answer.axes


def _run(module: nn.Module, site: Site) -> tuple[GraphReader, TracedTensor | None]:
    """The reader that has run the forward, and its answer; one that looks for states where a loop went on otherwise."""
    before = len(site.unsupported)
    reader = GraphReader(module, site)
    answer = reader.read()
    if len(site.unsupported) == before or reader.newest_frame.axes.frame is None:
        return reader, answer
    again = GraphReader(module, replace(site, unsupported=[]), recurrent=True)
    answer_again = again.read()
    if any(each.reason == FRAMES_APART for each in again.site.unsupported):
        return reader, answer
    site.unsupported[before:] = again.site.unsupported
    return again, answer_again


def check_training_branch(module: nn.Module, site: Site) -> None:
    """Raises UnsupportedError where a module in training mode computes otherwise than in evaluation."""
    logs = []
    for mode in (True, False):
        copied = copy.deepcopy(module)
        reader = GraphReader(copied, replace(site, unsupported=[]))
        if mode:
            reader.read()
        else:
            with evaluation_mode(copied):
                reader.read()
        logs.append(reader.log)
    if logs[0] != logs[1]:
        raise UnsupportedError(
            "its forward differs in training mode, and a stream would go on as in evaluation: convert(network.eval())",
            always=True,
        )


class GraphReader(FunctionReader):
    """Runs a forward on `TracedTensor`s and collects the layers of the continual network as it goes.

    Operations without continual form are reported to the site, and reading goes on with the tensor that they were
    given, so that one conversion reports all of them; what may follow from an earlier report is not listed.
    """

    def __init__(self, module: nn.Module, site: Site, recurrent: bool = False) -> None:
        super().__init__(module, site, recurrent)
        self.paths = {id(child): path for path, child in reversed(list(module.named_modules()))}
        self._inside: list[str] = []
        self._reported: list[ValueError] = []
        self._names: Counter[str] = Counter()

    def read(self) -> TracedTensor | None:
        """Run the forward; None where it cannot be read to its end."""
        attributes = {child: dict(vars(child)) for child in self.module.modules()}
        registered = RegisteredTensors(self.module)
        before = len(self.site.unsupported)
        try:
            with intercepted(self):
                answer = self.module(TracedTensor(0, self.site.axes), **self.site.arguments)
            for error, line in self.clip.refusals:  # those that the forward has caught
                if error not in self._reported:
                    self._at("").refuse(line, error)
            registered.check()
            return self._chosen(answer)
        except FollowsError:
            return None
        except UnsupportedError as error:
            self._at("").refuse(user_line(error) or "its answer", error)
            return None
        except Exception as error:  # whatever a user's forward does with what is no tensor
            if len(self.site.unsupported) == before:
                self._at("").report(user_line(error), _unreadable(error, "".join(self._inside[-1:])))
            return None
        finally:
            for child, values in attributes.items():  # what the forward puts on its modules is nothing to keep
                for name, value in list(vars(child).items()):
                    if name not in values:
                        del vars(child)[name]
                    elif value is not values[name] and name != "inplace":  # which is ours
                        vars(child)[name] = values[name]
            registered.restore()

    def _chosen(self, answer: object) -> TracedTensor | None:
        if isinstance(answer, UnknownResult):
            return None
        wanted = self.site.output
        if wanted is not None:
            try:
                answer = answer[wanted]  # type: ignore[index]
            except (LookupError, TypeError) as error:
                raise UnsupportedError(f"output={wanted!r} is none of what forward returns: {error!r}") from error
        if isinstance(answer, Absent):
            raise UnsupportedError(answer.reason)
        if isinstance(answer, TracedTensor) and answer.outdated:
            raise UnsupportedError(OUTDATED)
        if not isinstance(answer, TracedTensor):
            raise UnsupportedError(
                f"forward has to return one tensor that depends on its input, and returns {_described(answer)}: say "
                "which one with convert(..., output=its number or its key)"
            )
        if answer.axes.frame is not None:
            answer = self._newest(answer, answer.axes.frame)
        others = [number for number, part in enumerate(answer.axes.order) if part not in (STREAMS, TIME)]
        if CHANNELS not in answer.axes.every and others:
            answer = laid_out(self, answer, others[0])
        return with_frames(self, answer)

    def _newest(self, answer: TracedTensor, number: int) -> TracedTensor:
        """The answer to the last frame of a clip, which a stream has at every frame."""
        if number + 1 != self.clip_frames(answer):
            raise UnsupportedError(
                f"it answers to frame {number} of a clip; in a stream only the newest, -1, keeps its meaning"
            )
        whole = self.of_all_frames(answer)
        return whole.with_axes(whole.axes.reduced())

    # What a forward does, by `interception`

    def operation(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        given = parts((args, kwargs))
        name = named(function)
        if not any(isinstance(part, StandIn | Length) for part in given):
            if name == "cuda":
                return args[0]  # where the network is, not where it was trained
            try:
                return self.weights.compute(name, function, args, kwargs)
            except UnsupportedError as error:
                self._at(name).refuse(user_line(), error)
                return UnknownResult()
        attribute = attribute_name(function)
        if attribute is not None or name in QUESTIONS or name in ("size", "eq", "ne"):
            return self._guarded(
                attribute or name, lambda: self.question_answer(attribute, name, function, args, kwargs), args
            )
        self.log.append((name, *logged(name, args, kwargs)))
        self.operation_name = self._numbered(name)
        return self._guarded(
            self.operation_name, lambda: self.operation_answer(name, function, args, kwargs), (args, kwargs)
        )

    def made(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        name = self.operation_name = function.__name__
        return self._guarded(name, lambda: constants.made(self, name, args, kwargs), (args, kwargs))

    def module_call(
        self, module: nn.Module, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        path, cell = self.paths.get(id(module)), cell_of(module)
        if cell is not None:
            return cell(module, *args, **kwargs)
        if module is self.module or not self.is_leaf(module):
            if path:
                self._inside.append(path)
            answer = call(*args, **kwargs)
            if path:
                self._inside.pop()
            return answer
        self.log.append((path, *logged(path or "", args, kwargs)))
        return self._guarded("", lambda: self.module_answer(module, path, args, kwargs), (args, kwargs), module, path)

    def _guarded(
        self,
        name: str,
        compute: Callable[[], object],
        arguments: object,
        module: nn.Module | None = None,
        path: str | None = None,
    ) -> object:
        """What `compute` gives, or a stand-in for it where it is reported as unsupported."""
        given = parts(arguments)
        traced = [part for part in given if isinstance(part, TracedTensor)]
        unsure = any(value.axes.unsure for value in traced)
        self.here = replace(self._at(name, path), axes=replace(self.site.axes, unsure=unsure))
        where = user_line() if module is None else str(module)
        if any(isinstance(part, UnknownResult) for part in given):
            return self._unknown(name)
        try:
            absent = next((part for part in given if isinstance(part, Absent)), None)
            if absent is not None and name in (*QUESTIONS, *ATTRIBUTES, "size"):
                raise UnsupportedError(absent.reason)
            if absent is not None:
                return absent
            if any(value.outdated for value in traced):
                raise UnsupportedError(OUTDATED)
            return compute()
        except ReportedError as reported:
            return substitute(given, reported.axes, reported.axes.unsure)
        except ValueError as error:
            self.here.refuse(where, error)
            self._reported.append(error)
            if name in (*QUESTIONS, "shape", "size") or name.startswith("unbind"):  # there is nothing to go on with
                raise FollowsError from error
            axes, sure = (error.axes, error.sure) if isinstance(error, UnsupportedError) else (None, False)
            return substitute(given, axes, not sure)
        except (AttributeError, LookupError, TypeError, RuntimeError) as error:
            self.here.refuse(where, UnsupportedError(f"its arguments are not understood: {error}"))
            return substitute(given, None, True)

    def _unknown(self, name: str) -> UnknownResult:
        if name in QUESTIONS or name in ("shape", "ndim", "size", "iter"):
            raise FollowsError
        return UnknownResult()

    def _at(self, name: str, path: str | None = None) -> Site:
        inside = [path] if path is not None else [*self._inside[-1:], name]
        return replace(self.site, path=".".join(part for part in (self.site.path, *inside) if part))

    def _numbered(self, name: str) -> str:
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}_{self._names[name] - 1}"


def substitute(given: Sequence[object], axes: Axes | None, unsure: bool) -> TracedTensor | UnknownResult:
    """A stand-in for the answer of an operation without continual form: its input."""
    value = next((part for part in given if isinstance(part, TracedTensor)), None)
    if value is None:
        return UnknownResult()
    return TracedTensor(value.node, replace(axes or value.axes, unsure=unsure or value.axes.unsure, pads=(0, 0)))


def _described(answer: object) -> str:
    if isinstance(answer, dict):
        return f"a dict of {sorted(map(str, answer))}"
    if isinstance(answer, tuple | list):
        return f"{len(answer)} of them"
    return type(answer).__name__


def _unreadable(error: Exception, inside: str) -> str:
    text = str(error)
    if isinstance(error, TypeError) and "Length" in text:
        return OF_LENGTHS
    return f"its forward cannot be read (inside {inside or 'the network itself'!r}): {type(error).__name__}: {text}"
