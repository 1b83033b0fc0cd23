"""`co-perception studio`: a web application to look at a running graph, to annotate, to teach and to judge."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from co_perception.commands.output import Bar, Commands
from co_perception.engine.arguments import NumberArgument
from co_perception.engine.paths import expanded, user_path

if TYPE_CHECKING:
    from co_perception.evaluation.records import FrameRecord
    from co_perception.studio.recording_annotations import AnnotatedRecording, Proposal

LEAST_S, MAX_GAP_S = 0.5, 1.0  # of a proposal; of a person out of sight
PORT = NumberArgument("a port from 1 to 65535", 1, 65_535)


def add(commands: Commands) -> None:
    about = "look at a running graph, record, annotate, teach, judge and examine, in a browser"
    parser = commands.add_parser(
        "studio",
        help=about,
        description=f"{about.capitalize()}. It serves this machine alone (127.0.0.1) unless --host says otherwise, and "
        "writes annotations.csv beside each recording.",
    )
    parser.add_argument("bags", nargs="*", type=user_path, metavar="BAG", help="recordings with skeletons")
    parser.add_argument("--topic", help="topic of the skeletons, where a recording has several")
    parser.add_argument("--pictures", metavar="TOPIC", help="topic of the pictures, where a recording has several")
    parser.add_argument(
        "--propose", type=expanded, metavar="MODEL",
        help="folder or shipped model whose answers are proposed, to be accepted or refused",
    )  # fmt: skip
    parser.add_argument("--group", default="", help="which group of the model's labels is proposed, where it has some")
    parser.add_argument(
        "--out", type=user_path, default=Path("studio"), metavar="DIR",
        help="folder for galleries, models and reports, made when it is needed (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--port", type=PORT, default=8765, help="of the address (default: %(default)s)")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS",
        help="address that is served; other than 127.0.0.1 (as 0.0.0.0, for a phone) with a token in the printed link",
    )  # fmt: skip
    parser.add_argument(
        "--record", type=user_path, metavar="DIR", help="folder in which the live page may make recordings"
    )
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="last: arguments of ROS, such as -r and -p"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.commands.studio_endpoints import workshop
    from co_perception.studio.access import Access
    from co_perception.studio.application import serve
    from co_perception.studio.live import LivePage
    from co_perception.studio.recording_annotations import AnnotatedRecording
    from co_perception.studio.results_folder import ResultsFolder

    def opened(path: Path, topic: str | None, pictures: str | None) -> AnnotatedRecording:
        proposals = _proposals(path, arguments) if arguments.propose else ()
        with Bar(lambda done, total: f"{done} of {total} messages") as bar:  # of a long one alone
            return AnnotatedRecording(path, topic, proposals, pictures, lambda *count: bar(f"reading {path}", *count))

    recordings = [opened(path, arguments.topic, arguments.pictures) for path in arguments.bags]

    graph, why = _graph(arguments)
    if graph is None and not recordings:
        raise RuntimeError(f"there is nothing to show: name a recording. {why}")
    access, port = Access.to(arguments.host), int(arguments.port)
    print(f"The studio is at {access.address(port)} (Ctrl+C ends it).", flush=True)
    once = OpenedOnce(recordings, lambda path: opened(path, None, None))
    live = LivePage(graph, why, once, ResultsFolder(arguments.out).model)
    try:
        with workshop(recordings, arguments.out, arguments.topic) as endpoints:
            serve(recordings, port, [*live.endpoints(), *endpoints], access, live.close)
    finally:
        if graph is not None:
            graph.close()
    return 0


class OpenedOnce:
    """Adds what was recorded to the recordings of the studio, once for all pages that ask.

    Args:
        recordings: which are added to.
        open_recording: makes one of a path.
    """

    def __init__(
        self, recordings: list[AnnotatedRecording], open_recording: Callable[[Path], AnnotatedRecording]
    ) -> None:
        self._recordings, self._open, self._lock = recordings, open_recording, Lock()

    def __call__(self, path: Path) -> int:
        """The number of a recording among all."""
        with self._lock:
            known = [each.path.resolve() for each in self._recordings]
            if path.resolve() not in known:
                self._recordings.append(self._open(path))
                return len(known)
            return known.index(path.resolve())


def _graph(arguments: argparse.Namespace) -> tuple[Any, str]:
    """The running graph, or None and why there is none. ROS begins when somebody looks."""
    try:
        from co_perception.nodes.live.live_graph import LiveGraph
    except ImportError as error:
        return None, (
            f"A running graph is shown with ROS 2 and the messages of this package, which cannot be imported: {error}. "
            "Source your workspace, or run make env."
        )
    return LiveGraph(arguments.ros_args, arguments.record), ""


def _proposals(path: Path, arguments: argparse.Namespace) -> list[Proposal]:
    """What the model says of each person of a recording, as its node would. Raises: ValueError for a wrong group."""
    from co_perception.commands.sources import model_folder
    from co_perception.data.bags.bag_file import Bag
    from co_perception.data.bags.bag_frames import skeleton_frames
    from co_perception.engine.label_groups import names_of
    from co_perception.engine.settings import values_of
    from co_perception.learners.recognizers import KINDS
    from co_perception.learners.replay import replay

    kind, group = KINDS["skeleton"], str(arguments.group)
    values = values_of(kind.settings, {"model_path": str(model_folder(arguments.propose, bundles=True))})
    learner: Any = kind.loaded(values)
    groups = names_of(learner.groups)
    if (group or len(groups) > 1) and group not in groups:
        raise ValueError(f"--group names one of {', '.join(groups)}, whose labels are proposed")
    by_subject: dict[str, list[FrameRecord]] = {}
    with Bag(path) as bag:
        for record in replay(kind.recognizer(learner, values), skeleton_frames(bag, arguments.topic)):
            if record.group == group:
                by_subject.setdefault(record.subject, []).append(record)
    return [found for _, own in sorted(by_subject.items()) for found in _proposed(own, learner.labels, group)]


def _proposed(records: Sequence[FrameRecord], labels: Sequence[str], group: str) -> Iterator[Proposal]:
    """The intervals of one person's answers that are long enough, and of an activity."""
    from co_perception.data.annotations.intervals import Interval
    from co_perception.data.annotations.label_checks import null_labels
    from co_perception.engine.label_groups import is_none
    from co_perception.engine.time import NANO
    from co_perception.evaluation.subject_track import segments_with_records
    from co_perception.studio.recording_annotations import Proposal

    for segment, own in segments_with_records(records, labels, round(MAX_GAP_S * NANO)):
        nothing = is_none(segment.label, group) or bool(null_labels([segment.label]))
        if segment.duration_s >= LEAST_S and not nothing:
            shares = [float(each.probabilities.max()) for each in own if each.probabilities is not None]
            interval = Interval(segment.start_ns, segment.end_ns, segment.label, records[0].subject, group=group)
            yield Proposal(interval, sum(shares) / max(len(shares), 1))
