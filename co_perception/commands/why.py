"""`co-perception why`: replays one answer out of a recording, and shows which joints and seconds carried it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from co_perception.commands.evaluation_plan import plan_of
from co_perception.commands.output import Bar, Commands
from co_perception.engine.arguments import NumberArgument
from co_perception.engine.paths import expanded, user_path

if TYPE_CHECKING:
    from co_perception.commands.evaluation_plan import EvaluationPlan
    from co_perception.data.bags.bag_file import Bag

EVENTS = ("co_perception/msg/ActivityEvent",)
DAY_S = 86_400.0
SECONDS = NumberArgument("seconds since the recording began, such as 12.5", 0, DAY_S)
FIELDS = 4  # receptive fields that are remembered before the moment


class WantedMoment(NamedTuple):
    """Whose answer is explained; a subject or label that is empty is found out."""

    stamp_ns: int
    subject: str
    group: str
    label: str


def add(commands: Commands) -> None:
    about = "show which joints and seconds carried one answer"
    parser = commands.add_parser(
        "why",
        help=about,
        description=f"{about.capitalize()}: the recorded skeletons are answered again, as the node would, up to that "
        "moment; then each joint is hidden for a part of the time. Exit status 1 where there is no such moment.",
    )
    parser.add_argument("bag", type=user_path, metavar="BAG", help="recording with skeletons")
    parser.add_argument("--event", metavar="ID", help="id of an event that was recorded")
    parser.add_argument("--at", type=SECONDS, metavar="SECONDS", help="instead: time since the recording began")
    parser.add_argument("--subject", default="", help="whose answer, with --at (default: the only one there)")
    parser.add_argument("--group", default="", help="which group of labels, with --at (default: the first)")
    parser.add_argument(
        "--model", type=expanded, default="cotcn_everyday", help="folder or shipped model (default: %(default)s)"
    )
    parser.add_argument("--topic", help="topic of the skeletons, where there are several")
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
    from co_perception.data.bags.bag_file import SKELETONS, Bag
    from co_perception.engine.time import NANO

    if (arguments.event is None) == (arguments.at is None):
        raise ValueError("which moment? --event names an event of the recording, --at a time in it.")
    arguments.bags, out, arguments.out = [arguments.bag], arguments.out, None
    plan = plan_of(arguments)
    with Bag(arguments.bag) as bag:
        if arguments.event is not None:
            wanted = _event(bag, arguments.event)
        else:
            origin_ns = bag.clock(bag.topic(SKELETONS, arguments.topic)).origin_ns
            stamp_ns = origin_ns + round(arguments.at * NANO)
            wanted = WantedMoment(stamp_ns, arguments.subject, arguments.group, "")
        _explain(bag, plan, wanted, out)
    return 0


def _event(bag: Bag, id: str) -> WantedMoment:
    """The moment in which an event was certain. Raises ValueError where there is no such event."""
    from co_perception.engine.time import nanoseconds

    known = []
    for found in bag.messages(bag.topic(EVENTS)):
        message: Any = found.message
        known.append(str(getattr(message, "id", "")))
        if id and known[-1] == id:
            if message.group == "fall":  # that is a rule over the scores of posture and motion, see online.falls
                return WantedMoment(nanoseconds(message.header.stamp), message.subject_id, "posture", "lying")
            return WantedMoment(nanoseconds(message.header.stamp), message.subject_id, message.group, message.label)
    listed = ", ".join(known[:20]) if any(known) else "without ids, as earlier versions recorded them: use --at"
    raise ValueError(f"there is no event {id!r} in the recording; its {len(known)} events are {listed}")


def _explain(bag: Bag, plan: EvaluationPlan, wanted: WantedMoment, out: Path) -> None:
    from co_perception.data.bags.bag_frames import skeleton_frames
    from co_perception.engine.label_groups import names_of, places_of
    from co_perception.engine.settings import values_of
    from co_perception.evaluation.explanation import explain
    from co_perception.evaluation.report.explanation_page import words, write_explanation
    from co_perception.learners.recognizers import KINDS
    from co_perception.learners.replay import replay
    from co_perception.online.input_memory import InputMemory
    from co_perception.online.recognizer import label_groups
    from co_perception.skeletons.layouts import LAYOUTS

    kind = KINDS["skeleton"]
    values = values_of(kind.settings, plan.settings)
    learner: Any = kind.loaded(values)
    if learner.persons > 1:
        raise ValueError(f"{learner.name} takes several people at once: one answer cannot be told apart in it")
    recognizer: Any = kind.recognizer(learner, values)
    field = learner.receptive_field
    memory = recognizer.people.memory = InputMemory(FIELDS * field, field)
    newest: dict[str, int] = {}
    for record in replay(recognizer, skeleton_frames(bag, plan.topic)):
        if record.stamp_ns > wanted.stamp_ns:
            break
        if record.answered:
            newest[record.subject] = record.stamp_ns
    subject = _subject(wanted, newest)
    groups = label_groups(learner)
    group = wanted.group or names_of(groups)[0]
    if groups and group not in groups:
        raise ValueError(f"there is no group {group!r}; there are {', '.join(names_of(groups))}")
    steps = memory.steps(subject, newest[subject], field + 1)
    places = places_of(group, groups, len(learner.labels))
    with Bar(lambda at, whole: f"{100 * at // whole} %") as bar:
        found = explain(
            learner, steps, learner.labels, group, places, wanted.label,
            lambda share: bar("joints", round(100 * share), 100),
        )  # fmt: skip
    layout = LAYOUTS[found.poses[-1].layout]
    write_explanation(out, found, layout.joints, layout.links, learner.name)
    print(words(found, layout.joints))
    print(f"{out} has the whole picture.")


def _subject(wanted: WantedMoment, newest: dict[str, int]) -> str:
    """Whose answer it is. Raises ValueError where that is not known, or nobody was answered then."""
    near = {id: stamp_ns for id, stamp_ns in newest.items() if wanted.stamp_ns - stamp_ns <= 1_000_000_000}
    if wanted.subject:
        near = {id: stamp_ns for id, stamp_ns in near.items() if id == wanted.subject}
    if len(near) != 1:
        who = f"{len(near)} people ({', '.join(sorted(near))})" if near else "nobody"
        asked = f" {wanted.subject!r}" if wanted.subject else ""
        advice = ": --subject names one" if near else ""
        raise ValueError(f"{who}{asked} had an answer in the second before that moment{advice}")
    return next(iter(near))
