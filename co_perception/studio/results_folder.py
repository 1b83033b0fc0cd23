"""Folder of what the studio's jobs have made: galleries, trained models, evaluations, tuned rules, examinations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from co_perception.engine.node_command import node_command
from co_perception.studio.endpoints import Endpoint, Question, Reply
from co_perception.studio.fields import in_thread

NAME = re.compile(r"[^\W_][\w .-]{0,59}")
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
"""Of reports, which carry their styles in themselves; nothing in them runs."""
TAUGHT = "taught.json"  # beside a gallery: what was said when it was made
FINDINGS = "findings.json"


@dataclass(frozen=True)
class Kind:
    """One kind of results.

    Args:
        model: folder of a model within a result; None: it has none.
        sign: the file that tells that a result is whole.
        files: that pages may read, with their media types.
    """

    model: str | None
    sign: str
    files: Mapping[str, str]


JSON, TEXT = "application/json", "text/plain; charset=utf-8"
KINDS: Mapping[str, Kind] = {
    "gallery": Kind("", TAUGHT, {TAUGHT: JSON}),
    "train": Kind("model", "model", {"held_out.json": JSON}),
    "evaluate": Kind(None, "summary.json", {"summary.json": JSON, "report.html": "text/html; charset=utf-8"}),
    "tune": Kind(None, "event_rules.yaml", {"event_rules.yaml": TEXT, "trade.png": "image/png"}),
    "doctor": Kind(None, FINDINGS, {FINDINGS: JSON}),
}


class ResultsFolder:
    """Results by kind and name.

    Args:
        root: made when something is written.
        shipped: names of models that come with the package.
    """

    def __init__(self, root: Path, shipped: tuple[str, ...] = ()) -> None:
        self.root, self._shipped = root, shipped

    def folder(self, kind: str, name: str) -> Path:
        """Where a result is, or would be. Raises: LookupError for another kind, ValueError for what is no name."""
        if kind not in KINDS:
            raise LookupError(kind)
        if not NAME.fullmatch(name) or name != name.strip(" ."):
            raise ValueError(f"a name has up to 60 letters, digits, spaces, dots, - and _, got {name!r:.100}")
        return self.root / kind / name

    def new(self, kind: str, name: str) -> Path:
        """The place of a new result. Raises: as `folder`; ValueError where there is a whole one of this name."""
        found = self.folder(kind, name)
        if (found / KINDS[kind].sign).exists():
            raise ValueError(f"there is {name!r} already in {found.parent}: choose another name")
        return found

    def whole(self, kind: str, name: str) -> Path:
        """The folder of a result. Raises: LookupError where there is none, and as `folder`."""
        found = self.folder(kind, name)
        if not (found / KINDS[kind].sign).exists():
            raise LookupError(name)
        return found

    def all(self) -> list[dict[str, Any]]:
        """Kind, name, time and files of each result, and the line that starts its model; the newest first."""
        found = []
        for kind, about in KINDS.items():
            for folder in sorted((self.root / kind).glob("*")):
                if (folder / about.sign).exists() and NAME.fullmatch(folder.name):
                    files = [name for name in about.files if (folder / name).is_file()]
                    made_s = (folder / about.sign).stat().st_mtime
                    place = str(folder.resolve())
                    about_it = {"kind": kind, "name": folder.name, "files": files, "folder": place, "made_s": made_s}
                    found.append({**about_it, "command": _start_command(about, folder)})
        return sorted(found, key=lambda each: -each["made_s"])

    def models(self) -> list[str]:
        """Keys of all models, as `model` takes them: kind/name, or the name of a shipped one."""
        own = [f"{each['kind']}/{each['name']}" for each in self.all() if KINDS[each["kind"]].model is not None]
        return [*own, *self._shipped]

    def model(self, key: str) -> str:
        """The model that `--model` takes. Raises: LookupError where there is none, ValueError for what is no name."""
        if key in self._shipped:
            return key
        kind, _, name = key.partition("/")
        about = KINDS.get(kind)
        if about is None or about.model is None:
            raise LookupError(key)
        return str((self.whole(kind, name) / about.model).resolve())

    def endpoints(self) -> list[Endpoint]:
        """Of the list of results, of the models, and of the files of a result."""
        return [
            Endpoint("/api/results", in_thread(lambda _: self.all())),
            Endpoint("/api/models", in_thread(lambda _: self.models())),
            Endpoint("/api/results/{kind}/{name}/{file}", in_thread(self._file)),
        ]

    def _file(self, question: Question) -> Reply:
        kind, name, file = (question.path[part] for part in ("kind", "name", "file"))
        media = KINDS[kind].files[file]
        path = self.whole(kind, name) / file
        if not path.is_file():
            raise LookupError(file)
        policy = {"Content-Security-Policy": REPORT_POLICY} if file.endswith(".html") else {}
        return Reply(path.read_bytes(), media, policy)


def _start_command(about: Kind, folder: Path) -> str:
    """The line that starts a node with the model of a result; empty where it has none."""
    if about.model is None:
        return ""
    return node_command("skeleton_activity_node", model_path=(folder / about.model).resolve())
