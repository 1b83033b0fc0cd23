"""Types of recorded messages: from the definitions that a recording carries, without one the common types and ours.

Definitions become Python code in rosbags, field by field. That cannot run anything (rosbags takes names letter by
letter), but a few bytes can ask for all memory, so they are checked before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from co_perception.data.bags import rosbags_library

MOST_DEFINITION = 256 * 1024  # bytes; those of common messages have a few thousand
MOST_ELEMENTS = 4096  # of an array of fixed length: it becomes as many lines of code
ADDED: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "Activity": ("group", "scores"),
        "ActivityEvent": ("group",),
        "LabelInfo": ("groups",),
        "SkeletonArray": ("processing_latency", "dropped_frames"),
    },
    {"ActivityEvent": ("id", "onset_id")},
    {"Activity": ("position",), "Skeleton": ("position",), "SkeletonArray": ("rotate", "mirrored")},
    {"Skeleton": ("camera_motion_x", "camera_motion_y")},
)
"""Fields that our messages did not have at first, by message; an entry for each time they changed, the oldest first."""
_FIXED = re.compile(r"\[\s*([^\]<\s][^\]]*)\]")
REMEDY = "Record it again where the package of these messages is installed and sourced."
_UNDEFINED = "nothing is damaged, but the recording has no definition of"
_IDL = "=" * 80 + "\n"

# Packets of video, by their packages' own definitions: ffmpeg_image_transport_msgs and foxglove_msgs.
PACKETS = {
    "ffmpeg_image_transport_msgs/msg/FFMPEGPacket": "std_msgs/Header header\nint32 width\nint32 height\n"
    "string encoding\nuint64 pts\nuint8 flags\nbool is_bigendian\nuint8[] data\n",
    "foxglove_msgs/msg/CompressedVideo": "builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\n"
    "string format\n",
}

# Foxglove's event over a time, by its own definition of foxglove_msgs.
FOXGLOVE_EVENT = "foxglove_msgs/msg/Event"
EVENTS = {
    "foxglove_msgs/msg/KeyValuePair": "string key\nstring value\n",
    FOXGLOVE_EVENT: "builtin_interfaces/Time start_time\nbuiltin_interfaces/Time end_time\n"
    "foxglove_msgs/KeyValuePair[] metadata\n",
}


def types_of(connections: Sequence[Any], ros1: bool = False, changes: int = len(ADDED)) -> Any:
    """The types of a topic: by the definition in the recording, without one the common messages and ours.

    Args:
        connections: of the topic, as rosbags reads them.
        ros1: whether they are of a ROS 1 recording, which always has definitions.
        changes: without a definition, ours are taken as they were after so many of the changes in `ADDED`.

    Raises ValueError for definitions that ask for more than any message of ours; rosbags' errors for invalid ones.
    """
    typesys = rosbags_library.typesys()
    defined = [each for each in connections if each.msgdef.data]
    store = typesys.get_typestore(typesys.Stores.EMPTY if defined else typesys.Stores.LATEST)
    if not defined:
        for file in message_files():
            text = without_added(file.stem, file.read_text(), changes)
            store.register(typesys.get_types_from_msg(text, f"co_perception/msg/{file.stem}"))
        for kind, text in (PACKETS | EVENTS).items():
            store.register(typesys.get_types_from_msg(text, kind))
    for text, kind, is_msg in {(each.msgdef.data, each.msgtype, each.msgdef.format.name == "MSG") for each in defined}:
        check_definitions(text, is_msg)
        for part in [text] if is_msg else idl_parts(text):
            store.register(typesys.get_types_from_msg(part, kind) if is_msg else typesys.get_types_from_idl(part))
    for kind in {each.msgtype for each in connections} - store.types.keys():
        raise ValueError(f"{_UNDEFINED} {kind}, which is none of the common messages either. {REMEDY}")
    for kind, part in _undefined_parts(store):
        raise ValueError(f"{_UNDEFINED} {part}, which is a part of {kind}. {REMEDY}")
    for kind, digest in {(each.msgtype, each.digest) for each in defined if each.digest}:
        own = store.generate_msgdef(kind)[1] if ros1 else store.hash_rihs01(kind)
        if own != digest and not (ros1 and digest == "*"):
            raise ValueError(f"{kind}: hash mismatch, the definition has {own}, the messages are of {digest}")
    return store


def _undefined_parts(store: Any) -> Iterator[tuple[str, str]]:
    """Types with a field of a type that is not defined, and that type."""
    for kind, (_, fields) in store.fielddefs.items():
        for _, (_, content) in fields:
            # The name of a type; of an array the description of its elements, which has it: ((node, name), size).
            part = content[0][1] if isinstance(content[0], tuple) else content
            if isinstance(part, str) and part not in store.fielddefs:
                yield kind, part


def without_added(name: str, text: str, changes: int = 0) -> str:
    """The definition of a message of ours, by its name, as it was after so many of the changes in `ADDED`."""
    added = [[field] for change in ADDED[changes:] for field in change.get(name, ())]
    return "".join(line for line in text.splitlines(keepends=True) if line.split()[1:2] not in added)


def message_files() -> list[Path]:
    """Our .msg files: of this checkout, of the workspace this file is installed in, or of a sourced one."""
    here = Path(__file__).resolve()
    prefixes = [*here.parents, *map(Path, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep))]
    for folder in [here.parents[3] / "msg", *(prefix / "share/co_perception/msg" for prefix in prefixes)]:
        if files := sorted(folder.glob("Skeleton*.msg")):
            return sorted(files[0].parent.glob("*.msg"))
    return []


def check_definitions(text: str, is_msg: bool = False) -> None:
    """Raises ValueError for a definition of messages with arrays of a fixed length that is zero or large, or computed:
    an array of nothing costs nothing to send, and may hold others. In a .msg, brackets after a blank are defaults."""
    if len(text) > MOST_DEFINITION:
        raise ValueError(f"the definition of its messages has {len(text)} characters, more than {MOST_DEFINITION}")
    bare = re.sub(r"#.*|//.*", "", text)
    bare = re.sub(r"\s\[.*", "", bare) if is_msg else bare
    for length in _FIXED.findall(bare):
        if not length.strip().isdecimal() or not 0 < int(length[:10]) <= MOST_ELEMENTS:
            raise ValueError(f"its messages have an array of {length[:20]} elements, expected 1 to {MOST_ELEMENTS}")
    if "<<" in bare or "**" in bare:
        raise ValueError("the definition of its messages computes numbers")


def idl_parts(text: str) -> list[str]:
    """The files of a definition in IDL, several in one text."""
    if not text.startswith(f"{_IDL}IDL: "):
        return [text]
    return [part.partition("\n")[2] for part in text.split(_IDL)[1:]]
