"""Names of parameters that nobody knows: refused with the nearest known name; and files that say nothing of a node.

ROS 2 ignores both. A parameter that was meant for this node, by its name or on its command line, is refused where the
node has none of that name. One in a section for all nodes (`/**`) may be meant for another: it is refused where it
resembles one of this node's, and else told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rclpy.exceptions import ParameterException
from rclpy.node import Node

from co_perception.data.parsing import has_anchors, read_bounded
from co_perception.engine.names import nearest, no_such

SIMILAR = 0.8  # least similarity of a name for all nodes to one of this node's, from which on it is a slip
OF_RCLPY = ("qos_overrides./clock.", "qos_overrides./parameter_events.")
WILDCARD = re.compile(r"(?<=/)\*\*?")  # in the name of a section; an alias of YAML follows no slash
MOST_BYTES = 1024 * 1024


class UnknownParameterError(ParameterException):
    """A parameter was given that the node does not have."""

    def __init__(self, text: str) -> None:
        Exception.__init__(self, text)


@dataclass(frozen=True)
class ParameterSection:
    """The parameters that one file has under one name of nodes.

    Args:
        file: its path.
        nodes: the name, such as "/fusion", "/**/fusion" (`**`: any namespaces) or "/**" (all nodes).
        names: of the parameters.
    """

    file: str
    nodes: str
    names: tuple[str, ...]

    def applies_to(self, node: str) -> bool:
        """Whether it is for the node of this full name, as rcl decides it."""
        wild = {"**": "(?:/[^/]+)*", "*": "/[^/]+"}
        parts = self.nodes.strip("/").split("/")
        return re.fullmatch("".join(wild.get(part, "/" + re.escape(part)) for part in parts), node) is not None

    @property
    def for_all(self) -> bool:
        """Whether it names no node."""
        return self.nodes.rpartition("/")[2] in ("*", "**")


def check_names(node: Node, arguments: Sequence[str], companions: Sequence[str] = ()) -> None:
    """Compares what was given to a node that has declared its parameters with them. Warns where that is doubtful.

    Args:
        node: after its declarations.
        arguments: of its command line.
        companions: names of nodes that run in the same process: what is for one of them says nothing of this one.

    Raises:
        UnknownParameterError: names each unknown parameter, and the nearest one that there is.
    """
    given: Mapping[str, Any] = getattr(node, "_parameter_overrides", {})
    unknown = [name for name in given if not node.has_parameter(name) and not name.startswith(OF_RCLPY)]
    sections = list(sections_of(arguments))
    own = node.get_fully_qualified_name()
    own_sections = [section for section in sections if section.applies_to(own)]
    here = [own, *(f"{node.get_namespace().rstrip('/')}/{name}" for name in companions)]
    if unknown:
        _refuse(node, unknown, own_sections)
    for file in dict.fromkeys(section.file for section in sections):
        if not any(section.file == file and any(map(section.applies_to, here)) for section in sections):
            there = [section.nodes for section in sections if section.file == file]
            node.get_logger().warning(
                f"{file} says nothing for {own}, which runs without it; it is for: {', '.join(there)}. A section for "
                f"this node is called {own}, or in any namespace /**/{node.get_name()}."
            )


def _refuse(node: Node, unknown: Sequence[str], sections: Sequence[ParameterSection]) -> None:
    """Raises for the names that are slips, warns of those that may be another node's."""
    known = [name for name in node.get_parameters_by_prefix("") if not name.startswith("qos_overrides")]
    for_all = {name for section in sections if section.for_all for name in section.names}
    own = {name for section in sections if not section.for_all for name in section.names}
    for name in unknown:
        if name not in for_all - own or nearest(name, known, SIMILAR):
            raise UnknownParameterError(f"{node.get_fully_qualified_name()}: {no_such('parameter', name, known)}")
    node.get_logger().warning(f"given to all nodes, and no parameters of this one: {', '.join(sorted(unknown))}")


def sections_of(arguments: Sequence[str]) -> Iterator[ParameterSection]:
    """The sections of all parameter files of a command line, and the parameters it gives to nodes by name."""
    for_ros = False  # between --ros-args and --
    for option, value in pairwise((*arguments, "")):
        for_ros = option != "--" if for_ros else option == "--ros-args"
        if not for_ros:
            continue
        if option == "--params-file":
            for nodes, names in _read_sections(Path(value)):
                yield ParameterSection(value, nodes, names)
        elif option in ("-p", "--param") and ":" in (left := value.partition(":=")[0]):
            nodes, _, name = left.partition(":")
            yield ParameterSection(f"{option} {value}", f"/{nodes.lstrip('/')}", (name,))


def _read_sections(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Nodes and names of each section; none of a file that rcl reads in another way, or not at all: then it says so."""
    import yaml

    try:
        text = read_bounded(path, MOST_BYTES).decode("utf-8")
        content = {} if has_anchors(WILDCARD.sub("", text)) else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return
    waiting = [("", content)]
    while waiting:
        place, inside = waiting.pop()
        for key, value in inside.items() if isinstance(inside, dict) else ():
            if key == "ros__parameters":
                yield place or "/", tuple(_flat(value)) if isinstance(value, dict) else ()
            else:
                waiting.append((f"{place}/{str(key).strip('/')}", value))


def _flat(parameters: Mapping[Any, Any], prefix: str = "") -> Iterator[str]:
    """Names of nested parameters, with dots."""
    for key, value in parameters.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
