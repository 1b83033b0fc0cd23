"""Identity of a run: the model that answered, by its name with digest, and what its recordings show, by content."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from co_perception.data.parsing import parse_errors
from co_perception.evaluation.result_folder import SUMMARY


@dataclass(frozen=True)
class RecordingDigests:
    """Digests of a recording: of its files, and of what its frames show; a copy in another storage has that alone."""

    files: str
    frames: str

    def same(self, other: RecordingDigests) -> bool:
        """Whether one of both is that of the other recording too; empty ones are unknown."""
        pairs = (self.files, other.files), (self.frames, other.frames)
        return any(one and one == another for one, another in pairs)


def frames_digest(contents: Iterable[bytes]) -> str:
    """One digest for what all frames show, in any order; empty where nothing is known of them."""
    known = sorted({*contents} - {b""})
    return blake2b(b"\n".join(known), digest_size=16).hexdigest() if known else ""


@dataclass(frozen=True)
class RunIdentity:
    """The recognizer of a run, and its recordings by name."""

    recognizer: str
    recordings: Mapping[str, RecordingDigests]

    @classmethod
    def read(cls, folder: Path | str) -> RunIdentity:
        """That of the run in a folder.

        Raises:
            FileNotFoundError: where there is none.
            ValueError: for a summary that does not tell what its recordings show.
        """
        path = Path(folder) / SUMMARY
        if not path.is_file():
            raise FileNotFoundError(f"there is no run in {folder}: {SUMMARY} is missing; `evaluate --out` writes one.")
        why = "one that `evaluate --out` of this version wrote: evaluate it again"
        with parse_errors(f"{path} does not tell what its recordings show", why):
            found = json.loads(path.read_text(encoding="utf-8"))
            recordings = {
                str(name): RecordingDigests(str(each["files_digest"]), str(each["frames_digest"]))
                for name, each in found["recordings"].items()
            }
            return cls(str(found["recognizer"]), recordings)

    def check_same_recordings(self, other: RunIdentity) -> None:
        """Raises ValueError where a name stands for another recording there, or no recording is in both."""
        shared = [name for name in self.recordings if name in other.recordings]
        for name in shared:
            if not self.recordings[name].same(other.recordings[name]):
                raise ValueError(
                    f"nothing to compare: {name} was another recording then, of the same name: neither its files nor "
                    "what its frames show are the same. Evaluate both models on the same recordings."
                )
        if not shared:
            ours, theirs = ", ".join(self.recordings), ", ".join(other.recordings)
            raise ValueError(
                f"nothing to compare: the earlier run was over {theirs or 'no recording'}, this one is over "
                f"{ours or 'none'}. Evaluate both models on the same recordings, under the same names."
            )
