"""`co-perception show`: activities that somebody shows a few times are known at once, without a training."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from co_perception.commands.output import Commands, print_table
from co_perception.engine.paths import expanded, user_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from co_perception.data.bags.labeled_bags import Piece, Recording
    from co_perception.data.bags.pose_streams import PoseStream
    from co_perception.data.parsing import Skipped
    from co_perception.learners.gallery import Gallery

    PieceVectors: TypeAlias = tuple[NDArray[np.float32], NDArray[np.bool_]]

MAX_GAP_S = 1.0  # as of the node
OTHER = "other"  # as of `learners.gallery`, which loads torch
OTHER_S = 3.0  # of an example of it, about: what people do changes, and a mean of everything is like nothing


def add(commands: Commands) -> None:
    about = "add activities that were shown a few times to a gallery, which knows them at once"
    parser = commands.add_parser(
        "show",
        help=about,
        description=f"{about.capitalize()}. Each annotation of a recording is one show; those labeled {OTHER!r} "
        "show what must not be taken for an activity. The gallery is a model: give its folder to the node "
        "skeleton_activity, to evaluate and to bundle.",
    )
    parser.add_argument("bags", nargs="*", type=user_path, metavar="BAG", help="annotated recordings of skeletons")
    parser.add_argument(
        "--gallery", type=user_path, required=True, metavar="DIR",
        help="folder of the gallery; made where it is missing",
    )  # fmt: skip
    parser.add_argument(
        "--model", type=expanded, default="cotcn_everyday", metavar="MODEL",
        help="whose features a new gallery compares (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--annotations", type=user_path, metavar="FILE",
        help="a table start, end, label, subject (CSV, JSON), ELAN, WebVTT or Foxglove events (default: "
        "annotations.csv beside each recording)",
    )  # fmt: skip
    parser.add_argument("--topic", help="topic of the skeletons, where a recording has several")
    parser.add_argument(
        "--background", default="", choices=(OTHER,),
        help="time without annotation is shown, too, as what is none of the activities (default: it is left out)",
    )  # fmt: skip
    parser.add_argument("--forget", nargs="+", default=[], metavar="LABEL", help="activities to take away first")
    parser.set_defaults(run=_run, extras="torch,ros")


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.commands.sources import model_folder, print_start_command
    from co_perception.learners.gallery import Gallery
    from co_perception.learners.metadata import FILE

    known = (arguments.gallery / FILE).is_file()
    gallery = Gallery(arguments.gallery if known else model_folder(arguments.model))
    if not arguments.bags and not arguments.forget:
        raise ValueError("nothing was shown: name an annotated recording, or an activity to --forget")
    for label in arguments.forget:
        gallery.forget(label)
    before = len(gallery.shows)
    _show(gallery, arguments)
    if arguments.bags and len(gallery.shows) == before:
        raise ValueError("none of the annotations is a show that can be used; the gallery stays as it was")
    gallery.save(arguments.gallery)
    print_table([("activity", "shows"), *((label, str(count)) for label, count in gallery.counts.items())])
    print(gallery.leave_one_out().words())
    print_start_command(arguments.gallery)
    return 0


def _show(gallery: Gallery, arguments: argparse.Namespace) -> None:
    """Adds each annotated piece of the recordings; says on standard error what cannot be used."""
    from co_perception.data.annotations.sources import read_any
    from co_perception.data.bags.labeled_bags import recordings
    from co_perception.data.parsing import Skipped

    annotations = None if arguments.annotations is None else read_any(arguments.annotations)
    skipped = Skipped()
    layout = gallery.variant.layout
    for recording in recordings(
        arguments.bags, annotations, layout, skipped, arguments.background, topic=arguments.topic
    ):
        add_shows(gallery, recording, skipped)
    if skipped:
        print(skipped.report(10), file=sys.stderr)


def add_shows(gallery: Gallery, recording: Recording, skipped: Skipped) -> None:
    """Adds each annotated piece of a recording to a gallery; what cannot be used goes to `skipped`."""
    from co_perception.engine.time import on_grid

    for stream in recording.streams:
        own = [piece for piece in recording.pieces if piece.stream.subject == stream.subject]
        runs = on_grid(stream.stamps_ns, gallery.variant.rate_hz, MAX_GAP_S) if own else []
        for piece in own:
            add_show(gallery, piece, piece_vectors(gallery, stream, runs, piece), skipped)


def add_show(gallery: Gallery, piece: Piece, found: PieceVectors | None, skipped: Skipped) -> None:
    """Adds one piece, by its vectors, to a gallery; one that cannot be used goes to `skipped`.

    A long one of `OTHER` is several shows of about `OTHER_S`.
    """
    import numpy as np

    if found is None:
        return
    number = piece.group.rpartition("#")[2]
    source = f"{Path(piece.recording).name} {number} {piece.stream.subject}"
    length_s = len(found[0]) / gallery.variant.rate_hz
    parts = max(round(length_s / OTHER_S), 1) if piece.label == OTHER else 1
    for vectors, present in zip(*(np.array_split(each, parts) for each in found), strict=True):
        try:
            gallery.show(piece.label, vectors, present, source)
        except ValueError as error:
            if number.isdigit():  # else nobody marked it: it is background
                skipped.add(f"{piece.group} {piece.label}", error)


def piece_vectors(
    gallery: Gallery, stream: PoseStream, runs: Sequence[NDArray[np.intp]], piece: Piece
) -> PieceVectors | None:
    """Vectors and presence of a piece's frames, of a stream that began before it, as in the node; None for no frame.

    Args:
        stream: that the piece is of.
        runs: of it, at the rate of the gallery's network (`on_grid`).
    """
    import numpy as np

    first_ns, last_ns = piece.stream.stamps_ns[0], piece.stream.stamps_ns[-1]
    parts = []
    for run in runs:
        inside = np.flatnonzero((stream.stamps_ns[run] >= first_ns) & (stream.stamps_ns[run] <= last_ns))
        if len(inside):
            begin = max(int(inside[0]) - gallery.context, 0)  # earlier frames do not reach into the piece
            joints = stream.joints[run[begin : inside[-1] + 1]]
            vectors, present = gallery.vectors(joints, stream.layout, stream.coordinates)
            parts.append((vectors[inside[0] - begin :], present[inside[0] - begin :]))
    if not parts:
        return None
    return np.concatenate([vectors for vectors, _ in parts]), np.concatenate([present for _, present in parts])
