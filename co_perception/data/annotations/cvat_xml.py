"""Reader of CVAT's XML files, element by element, by expat; a document type, which entities need, is refused."""

from __future__ import annotations

from co_perception.data.annotations.cvat import CvatShape, CvatTask, CvatTrack
from co_perception.data.annotations.labeled_frames import MOST_FRAMES
from co_perception.data.parsing import parse_xml

STEP = "step="  # of a frame filter


def parse_cvat(content: bytes) -> CvatTask:
    """The tracks and tags of an export.

    Raises ValueError for what is no such file, one of another version, and one of a project with several tasks.
    """
    document = _CvatDocument()
    parse_xml(content, document)
    if document.version not in ("1.0", "1.1"):
        raise ValueError(f"CVAT's XML of version 1.1 is read, and this is of version {document.version or 'unknown'}.")
    return document.task


class _CvatDocument:
    """Tracks and tags, filled by the handlers of expat."""

    def __init__(self) -> None:
        self.task, self.version = CvatTask(), ""
        self._path: list[str] = []
        self._text: list[str] = []
        self._track: tuple[str, str, list[CvatShape]] | None = None
        self._image = 0
        self._tag = ""
        self._shape: tuple[int, bool] | None = None
        self._name = ""
        self._attributes: dict[str, str] = {}

    def refuse_doctype(self, *_: object) -> None:
        raise ValueError("CVAT's files have no document type; this one does, and is not read.")

    def start(self, name: str, values: dict[str, str]) -> None:
        if not self._path and name != "annotations":
            raise ValueError(f"a file of CVAT begins with annotations, this is a {name}.")
        self._path.append(name)
        self._text = []
        place = tuple(self._path[1:])
        if place == ("meta", "project"):
            raise ValueError("this is an export of a project, whose tasks are several videos: export task by task.")
        if place == ("track",):
            self._track = values["label"].strip(), f"track_{values['id']}", []
        elif place == ("image",):
            self._image = _frame(values["id"])
        elif place == ("image", "tag"):
            self._tag, self._attributes = values["label"].strip(), {}
        elif len(place) == 2 and place[0] == "track":
            self._shape, self._attributes = (_frame(values["frame"]), values.get("outside") == "1"), {}
        elif len(place) == 2 and place[0] == "image":
            self.task.others += 1
        elif name == "attribute":
            self._name = values.get("name", "")

    def characters(self, text: str) -> None:
        self._text.append(text)

    def end(self, name: str) -> None:
        place, text = tuple(self._path[1:]), "".join(self._text).strip()
        self._path.pop()
        if place == ("version",):
            self.version = text
        elif name == "frame_filter" and place[0] == "meta" and text.startswith(STEP):
            self.task.step = max(_frame(text.removeprefix(STEP)), 1)
        elif name == "attribute" and len(place) == 3 and place[0] in ("track", "image"):
            self._attributes[self._name] = text
        elif place == ("image", "tag"):
            self.task.tags[self._tag].append(CvatShape(self._image, False, self._attributes))
        elif len(place) == 2 and place[0] == "track" and self._track and self._shape:
            self._track[2].append(CvatShape(*self._shape, self._attributes))
        elif place == ("track",) and self._track:
            label, subject, shapes = self._track
            self.task.tracks.append(CvatTrack(label, subject, shapes))
        self._text = []


def _frame(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) >= MOST_FRAMES:
        raise ValueError(f"expected the number of a frame, counted from 0, got {text[:20]!r}.")
    return int(text)
