"""`co-perception why`: replays one answer, of a recording or a running robot, and shows what carried it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from co_perception.commands.evaluation_plan import parsed_settings, plan_of
from co_perception.commands.output import Bar, Commands
from co_perception.commands.sources import model_folder
from co_perception.engine.arguments import NumberArgument
from co_perception.engine.paths import expanded, user_path

if TYPE_CHECKING:
    from co_perception.data.bags.bag_file import Bag
    from co_perception.online.input_memory import RememberedStep

EVENTS = ("co_perception/msg/ActivityEvent",)
EVENT_ID = re.compile(r"\w+_e\d+")
DAY_S = 86_400.0
SECONDS = NumberArgument("seconds since the recording began, such as 12.5", 0, DAY_S)
AGO = NumberArgument("seconds before the newest answer, such as 3", 0, DAY_S)
SPAN_S = 60.0  # of a recording that is remembered before the moment
MODEL = "cotcn_everyday"


class WantedMoment(NamedTuple):
    """Whose answer is explained; a subject, group or label that is empty is found out."""

    stamp_ns: int
    subject: str
    group: str
    label: str


class AnswerInputs(NamedTuple):
    """What is replayed: a loaded learner and the steps up to an answer."""

    learner: Any
    steps: Sequence[RememberedStep]
    group: str
    label: str


def add(commands: Commands) -> None:
    about = "show which joints and seconds carried one answer"
    parser = commands.add_parser(
        "why",
        help=about,
        description=f"{about.capitalize()}. Of a recording, its skeletons are answered again, as the node would, up to "
        "that moment; a running recognizer remembers the last minutes and is asked for them. Then each joint is hidden "
        "for a part of the time. Exit status 1 where there is no such moment.",
    )
    parser.add_argument(
        "what", nargs="?", metavar="BAG|ID", default="",
        help="recording with skeletons, or id of an event of the running graph; neither with --ago",
    )  # fmt: skip
    parser.add_argument("--event", metavar="ID", help="id of an event that was recorded")
    parser.add_argument("--at", type=SECONDS, metavar="SECONDS", help="instead: time since the recording began")
    parser.add_argument(
        "--ago", type=AGO, metavar="SECONDS", help="of the running graph: time before the newest answer"
    )
    parser.add_argument("--subject", default="", help="whose answer, with --at or --ago (default: the only one there)")
    parser.add_argument("--group", default="", help="which group of labels, with --at or --ago (default: the first)")
    parser.add_argument(
        "--node", default="", metavar="NAME", help="the recognizer in the running graph (default: the only one)"
    )
    parser.add_argument(
        "--model", type=expanded, default="",
        help=f"folder or shipped model (default: of the running graph its own, of a recording {MODEL})",
    )  # fmt: skip
    parser.add_argument("--topic", help="topic of the skeletons of a recording, where there are several")
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter of the recognizer's node (max_gap_s=2)",
    )  # fmt: skip
    parser.add_argument("--out", type=user_path, default=Path("why.html"), metavar="FILE", help="default: %(default)s")
    parser.set_defaults(
        run=_run, recognizer="skeleton", network=None, pose=None, annotations=[], require=[], compare=None,
        background="", described=False, held_out=False, seed=0, together=False, rate_hz=None, drop=None,
        jitter_ms=None, noise=None,
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    path = user_path(arguments.what) if arguments.what else None
    if path is not None and (path.exists() or not EVENT_ID.fullmatch(arguments.what)):
        if (arguments.event is None) == (arguments.at is None) or arguments.ago is not None:
            raise ValueError("which moment? --event names an event of the recording, --at a time in it.")
        found = _of_recording(arguments, path)
    else:
        if (path is None) == (arguments.ago is None) or arguments.event or arguments.at is not None:
            raise ValueError(
                "which moment? Of a recording: its path, and --event or --at. Of the running graph: the id of an "
                "event, or --ago."
            )
        found = _of_graph(arguments)
    _explain(found, arguments.out)
    return 0


def _of_recording(arguments: argparse.Namespace, path: Path) -> AnswerInputs:
    """Answers a recording up to the moment."""
    from co_perception.data.bags.bag_file import SKELETONS, Bag
    from co_perception.data.bags.bag_frames import skeleton_frames
    from co_perception.engine.settings import values_of
    from co_perception.engine.time import NANO
    from co_perception.learners.recognizers import KINDS
    from co_perception.learners.replay import replay

    arguments.bags, arguments.model, out, arguments.out = [path], arguments.model or MODEL, arguments.out, None
    plan, kind = plan_of(arguments), KINDS["skeleton"]
    arguments.out = out
    with Bag(path) as bag:
        if arguments.event is not None:
            wanted = _event(bag, arguments.event)
        else:
            origin_ns = bag.clock(bag.topic(SKELETONS, arguments.topic)).origin_ns
            wanted = WantedMoment(origin_ns + round(arguments.at * NANO), arguments.subject, arguments.group, "")
        values = values_of(kind.settings, plan.settings)
        learner: Any = kind.loaded(values)
        if learner.persons > 1:
            raise ValueError(f"{learner.name} takes several people at once: one answer cannot be told apart in it")
        recognizer: Any = kind.recognizer(learner, values)
        recognizer.remember(SPAN_S)
        for record in replay(recognizer, skeleton_frames(bag, plan.topic)):
            if record.stamp_ns > wanted.stamp_ns:
                break
    memory = recognizer.people.memory
    subject = memory.subject_at(wanted.stamp_ns, wanted.subject)
    steps = memory.steps(subject, wanted.stamp_ns, learner.receptive_field + 1)
    return AnswerInputs(learner, steps, wanted.group, wanted.label)


def _of_graph(arguments: argparse.Namespace) -> AnswerInputs:
    """Asks the running recognizer, and loads the model that it has."""
    from co_perception.nodes.answer_inputs_client import graph_client
    from co_perception.nodes.answer_inputs_service import steps_of

    wanted = WantedMoment(0, arguments.subject, arguments.group, "")
    with graph_client() as graph:
        if arguments.what:
            wanted = _moment_of(graph.event(arguments.what))
        response = graph.inputs(wanted.stamp_ns, arguments.ago or 0.0, wanted.subject, arguments.node)
    learner = _learner_of(response, arguments)
    before = None
    if len(response.state):
        with TemporaryDirectory() as folder:
            file = Path(folder) / "state.safetensors"
            file.write_bytes(bytes(response.state))
            learner.load_streams(file)
        before = learner.snapshot(response.subject_id)
    return AnswerInputs(learner, steps_of(response, before), wanted.group, wanted.label)


def _learner_of(response: Any, arguments: argparse.Namespace) -> Any:
    """The model that a response is of, as it was loaded there or as --model and --set say.

    Raises:
        ValueError: where it is another one than that of the response.
    """
    from co_perception.engine.settings import table_of, values_of
    from co_perception.learners.recognizers import KINDS

    kind = KINDS["skeleton"]
    pairs = [text.partition("=")[::2] for text in (*response.settings, *arguments.settings)]
    settings = parsed_settings(pairs, table_of(kind.settings))
    if arguments.model:
        settings |= {"model": "", "model_path": str(model_folder(arguments.model, bundles=True).resolve())}
    learner: Any = kind.loaded(values_of(kind.settings, settings))
    if learner.name != response.recognizer:
        raise ValueError(f"the answer is one of {response.recognizer}, and {learner.name} was loaded: --model names it")
    return learner


def _event(bag: Bag, id: str) -> WantedMoment:
    """The moment in which an event was certain. Raises ValueError where there is no such event."""
    known = []
    for found in bag.messages(bag.topic(EVENTS)):
        message: Any = found.message
        known.append(str(getattr(message, "id", "")))
        if id and known[-1] == id:
            return _moment_of(message)
    listed = ", ".join(known[:20]) if any(known) else "without ids, as earlier versions recorded them: use --at"
    raise ValueError(f"there is no event {id!r} in the recording; its {len(known)} events are {listed}")


def _moment_of(event: Any) -> WantedMoment:
    """The moment of an ActivityEvent."""
    from co_perception.engine.time import nanoseconds

    stamp_ns = nanoseconds(event.header.stamp)
    if event.group == "fall":  # that is a rule over the scores of posture and motion, see online.falls
        return WantedMoment(stamp_ns, event.subject_id, "posture", "lying")
    return WantedMoment(stamp_ns, event.subject_id, event.group, event.label)


def _explain(inputs: AnswerInputs, out: Path) -> None:
    from co_perception.engine.label_groups import names_of, places_of
    from co_perception.evaluation.explanation import explain
    from co_perception.evaluation.report.explanation_page import words, write_explanation
    from co_perception.online.recognizer import label_groups
    from co_perception.skeletons.layouts import LAYOUTS

    learner = inputs.learner
    groups = label_groups(learner)
    group = inputs.group or names_of(groups)[0]
    if groups and group not in groups:
        raise ValueError(f"there is no group {group!r}; there are {', '.join(names_of(groups))}")
    places = places_of(group, groups, len(learner.labels))
    with Bar(lambda at, whole: f"{100 * at // whole} %") as bar:
        found = explain(
            learner, inputs.steps, learner.labels, group, places, inputs.label,
            lambda share: bar("joints", round(100 * share), 100),
        )  # fmt: skip
    layout = LAYOUTS[found.poses[-1].layout]
    write_explanation(out, found, layout.joints, layout.links, learner.name)
    print(words(found, layout.joints))
    print(f"{out} has the whole picture.")
