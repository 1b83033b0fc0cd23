"""Events of recorded people replayed: are the scores those of then to the last bit, and do the named joints carry them?

    python benchmarks/why.py --data DATA [--events 1000] [--explained 200]

DATA/test has the sets of docs/recipes.md. Three takes at a time are people in one scene, who come and go, recognized by
the shipped model as a node would, with a memory of their inputs. Each onset of the event detector is replayed in a
second learner from the state that is remembered before it, and compared bit by bit. Of some events the joints are
explained: the ones that the report names ("without ... the answer would have been"), or where it names none as many as
it looks at, are hidden, and as many joints drawn at random, five times; counted is how often the label changes. Prints
the shares and writes out/bench/why.json.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.results import write_json
from co_perception.data.messages.people import DetectedPeople
from co_perception.engine.label_groups import places_of
from co_perception.engine.settings import values_of
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.evaluation.explanation import Replay, explain
from co_perception.evaluation.provenance import machine
from co_perception.learners.recognizers import KINDS
from co_perception.online.events import EventKind, GroupEventDetector, LabelScores, Rules
from co_perception.online.recognizer import Answer
from recipes.everyday.measure import streams
from recipes.everyday.sets import test_takes

OUT = Path("out/bench")
SETS = ("utkinect", "nw_ucla", "msr_action3d", "up_fall")
RATE_HZ, SIZE, PEOPLE, DRAWS = 15.0, 200.0, 3, 5  # SIZE: pixels of a body height
GAP = 40  # frames between two takes of one place in the scene: who comes next is somebody else


@dataclass
class Shares:
    """What is counted; `named` and `random` are events whose label changed without these joints."""

    events: int = 0
    equal: int = 0
    beside_others: int = 0  # events with more than one person in the last frame
    explained: int = 0
    tipped: int = 0  # events of which the report names joints
    named: int = 0
    random: float = 0.0
    joints: int = 0  # hidden in each of both ways, all events together
    cpu_s: float = 0.0


def scene(rows: Sequence[Any]) -> Iterator[list[Pose]]:
    """The people of each frame: takes one after the other in `PEOPLE` places, each begun a little later."""
    places: list[list[tuple[int, Any]]] = [[] for _ in range(PEOPLE)]
    ends = [7 * place for place in range(PEOPLE)]
    for number, row in enumerate(rows):
        place = int(np.argmin(ends))
        places[place].append((ends[place], (f"p{number}", row.joints)))
        ends[place] += len(row.joints) + GAP
    for frame in range(max(ends)):
        visible = []
        for place in places:
            for begin, (id, joints) in place:
                if begin <= frame < begin + len(joints):
                    data = joints[frame - begin].astype(np.float32).copy()
                    data[:, :2] = data[:, :2] * SIZE + 320
                    visible.append(Pose(data, "body13", id=id))
        yield visible


def scores_of(answers: Sequence[Answer], labels: Sequence[str], groups: Sequence[str]) -> dict[Any, LabelScores]:
    """All scores of each subject and group, as a node gives them to the event detector."""
    found = {}
    for answer in answers:
        category = answer.category
        best = category.top(len(labels)) if category.data >= 0 else []
        own = {labels[k]: score for k, score in best if groups[k] == category.group}
        found[answer.subject, category.group] = LabelScores.of(category.status, own)
    return found


def label_without(found: np.ndarray[Any, Any], own: Sequence[int]) -> int:
    """The best label of a group; -1 where no score stands."""
    return max(own, key=lambda place: found[place]) if found[list(own)].any() else -1


def measure(rows: Sequence[Any], events: int, explained: int, seed: int) -> Shares:
    """Plays takes until so many events were replayed."""
    kind, shares, rng = KINDS["skeleton"], Shares(), np.random.default_rng(seed)
    values = values_of(kind.settings, {"threads": 1})
    learner, second = kind.loaded(values), kind.loaded(values)
    recognizer: Any = kind.recognizer(learner, values)
    recognizer.remember(120.0)
    labels, groups = learner.labels, learner.groups
    detector, every, kinds = GroupEventDetector(Rules()), max(events // max(explained, 1), 1), Counter[str]()
    for frame, visible in enumerate(scene(rows)):
        stamp_ns = round(frame / RATE_HZ * NANO) + NANO
        people = DetectedPeople(visible, {}, [])
        answered = recognizer.answer(people, stamp_ns, recognizer.admit(stamp_ns))
        for event in detector.update(stamp_ns, scores_of(answered.answers, labels, groups), answered.state_epoch):
            if event.kind != EventKind.ONSET or event.subject not in {pose.id for pose in visible}:
                continue
            steps = recognizer.people.memory.steps(event.subject, stamp_ns, learner.receptive_field + 1)
            shares.events += 1
            shares.beside_others += steps[-1].batch.streams > 1
            shares.equal += bool(np.array_equal(Replay(second, steps).as_then(), steps[-1].probabilities))
            kinds[event.label] += 1
            if shares.events % every == 0 and shares.explained < explained:
                hide(second, steps, labels, groups, event, shares, rng)
            if shares.events >= events:
                print(dict(kinds))
                return shares
    print(dict(kinds))
    return shares


def hide(
    learner: Any, steps: Any, labels: Sequence[str], groups: Sequence[str], event: Any, shares: Shares,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Hides the joints that the report names, and as many others."""
    own = places_of(event.group, groups, len(labels))
    found = explain(learner, steps, labels, event.group, own, event.label)
    named = found.tipping
    hidden = np.zeros((1 + DRAWS, len(steps), len(found.joints)), bool)
    hidden[0][:, list(named)] = True
    for draw in range(DRAWS):
        hidden[1 + draw][:, rng.permutation(len(found.joints))[: len(named)]] = True
    chosen = labels.index(event.label)
    changed = [label_without(row, own) != chosen for row in Replay(learner, steps).side_by_side(hidden)]
    shares.explained += 1
    shares.tipped += bool(found.tipped)
    shares.named += changed[0]
    shares.random += sum(changed[1:]) / DRAWS
    shares.joints += len(named)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with test/")
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--explained", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args(arguments)
    began = process_time()
    rows = [row for name in SETS for row in streams(test_takes(chosen.data, name), chosen.seed)]
    np.random.default_rng(chosen.seed).shuffle(rows)  # type: ignore[arg-type]
    found = measure(rows, chosen.events, chosen.explained, chosen.seed)
    found.cpu_s = process_time() - began
    named, random, joints = (value / found.explained for value in (found.named, found.random, found.joints))
    print(
        f"{found.events} events, {found.beside_others} of them beside other people: {found.equal} replayed with the "
        f"same bits.\n{found.explained} explained; joints that change the label are found for {found.tipped}. Without "
        f"the named ones it changes in {named:.1%}, without as many random ones ({joints:.1f} of 13) in {random:.1%}. "
        f"{found.cpu_s:.0f} s of CPU."
    )
    write_json(chosen.out / "why.json", {"machine": machine(), "rows": [asdict(found)]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
