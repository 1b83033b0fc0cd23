"""Teacher of the studio: makes a gallery of what recordings show, and keeps what it has read for the next one."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, TypeAlias

from co_perception.commands.show import MAX_GAP_S, add_show, piece_vectors
from co_perception.commands.sources import model_folder
from co_perception.engine.node_command import node_command
from co_perception.studio.results_folder import TAUGHT
from co_perception.studio.teach_endpoints import TaughtGallery

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from co_perception.data.bags.pose_streams import PoseStream
    from co_perception.data.parsing import Skipped
    from co_perception.learners.gallery import Gallery
    from co_perception.studio.recording_annotations import AnnotatedRecording

    StreamRuns: TypeAlias = tuple[PoseStream, list[NDArray[np.intp]]]
    PieceVectors: TypeAlias = tuple[NDArray[np.float32], NDArray[np.bool_]]

MODEL = "cotcn_everyday"
MOST_RECORDINGS, MOST_PIECES = 8, 2000  # that are kept
MOST_LINES = 20  # of what could not be used


class GalleryTeacher:
    """Makes galleries on the features of the everyday model, one at a time.

    A gallery is what the annotations of its recordings show now: one that is made again forgets what was deleted.

    Args:
        topic: of the skeletons, where a recording has several.
    """

    def __init__(self, topic: str | None = None) -> None:
        self._topic, self._lock = topic, Lock()
        self._empty: Gallery | None = None
        self._streams: OrderedDict[Path, list[StreamRuns]] = OrderedDict()
        self._pieces: OrderedDict[tuple[Path, str, int, int], PieceVectors | None] = OrderedDict()

    def warm(self) -> None:
        """Loads torch and the model beside what else is done."""
        Thread(target=self._model, name="teacher", daemon=True).start()

    def teach(
        self, folder: Path, recordings: Sequence[AnnotatedRecording], labels: Collection[str] | None
    ) -> TaughtGallery:
        """Makes a gallery of what recordings show, in a folder.

        Args:
            recordings: as they are annotated now.
            labels: that are taught; None: all.

        Raises:
            ValueError: where nothing of it can be used; the gallery stays as it was.
            OSError: where it cannot be written; the same.
        """
        from co_perception.data.parsing import Skipped

        skipped = Skipped()
        gallery = self._model()
        with self._lock:
            gallery.shows = ()
            for each in recordings:
                self._add(gallery, each, labels, skipped)
            if not gallery.shows:
                why = "; ".join(_lines(skipped)[:3])
                raise ValueError(f"none of the annotations is a show that can be used{': ' if why else ''}{why}")
            found = _summary_of(gallery, folder, [each.name for each in recordings], skipped)
            gallery.save(folder, {TAUGHT: (json.dumps(asdict(found), indent=1, ensure_ascii=False) + "\n").encode()})
        return found

    def _model(self) -> Gallery:
        """A gallery without a show."""
        with self._lock:
            if self._empty is None:
                from co_perception.learners.gallery import Gallery

                self._empty = Gallery(model_folder(MODEL))
            return self._empty

    def _add(
        self, gallery: Gallery, recording: AnnotatedRecording, labels: Collection[str] | None, skipped: Skipped
    ) -> None:
        """Adds each annotation of a recording that is of one of the labels."""
        from co_perception.data.bags.labeled_bags import annotated

        streams = self._read(recording, gallery.variant.layout, gallery.variant.rate_hz, skipped)
        wanted = [each for each in recording.intervals() if labels is None or each.label in labels]
        found = annotated(str(recording.path), [stream for stream, _ in streams], wanted, skipped)
        for piece in found.pieces:
            [(stream, runs)] = [pair for pair in streams if pair[0].subject == piece.stream.subject][:1]
            stamps = piece.stream.stamps_ns
            key = (recording.path, piece.stream.subject, int(stamps[0]), int(stamps[-1]))
            if key not in self._pieces:
                self._pieces[key] = piece_vectors(gallery, stream, runs, piece)
                if len(self._pieces) > MOST_PIECES:
                    self._pieces.popitem(last=False)
            add_show(gallery, piece, self._pieces[key], skipped)

    def _read(self, recording: AnnotatedRecording, layout: str, rate_hz: float, skipped: Skipped) -> list[StreamRuns]:
        """The pose streams of a recording and their runs at a rate; read once, as the studio itself does."""
        from co_perception.data.bags.bag_file import Bag
        from co_perception.data.bags.pose_streams import pose_streams
        from co_perception.engine.time import on_grid

        if recording.path not in self._streams:
            with Bag(recording.path) as bag:
                streams, _ = pose_streams(bag, layout, skipped, self._topic)
            self._streams[recording.path] = [
                (stream, on_grid(stream.stamps_ns, rate_hz, MAX_GAP_S)) for stream in streams
            ]
            if len(self._streams) > MOST_RECORDINGS:
                self._streams.popitem(last=False)
        return self._streams[recording.path]


def _summary_of(gallery: Gallery, folder: Path, names: Sequence[str], skipped: Skipped) -> TaughtGallery:
    found = gallery.leave_one_out()
    return TaughtGallery(
        shows=gallery.counts,
        right=found.right,
        asked=found.shows,
        words=tuple(found.words().splitlines()),
        skipped=tuple(_lines(skipped)[:MOST_LINES]),
        recordings=tuple(names),
        command=node_command("skeleton_activity_node", model_path=folder.resolve()),
    )


def _lines(skipped: Skipped) -> list[str]:
    """What could not be used and why, one line each."""
    return [f"{source}: {reason}" for source, reason in skipped.entries]
