"""People of real clips who leave and come back, recognized by appearance; and who are in front of whom when they cross.

The clips are of UT-Interaction (set 1), GMDCSA24 (subjects 1 and 2), felix_exercise, and those of Pose2Sim and Sports2D
that the store has. MoveNet finds the people once, which takes minutes; a cache keeps what it found. Then visits are
spliced: a clip or two with others and with somebody, 2 to 30 s of nobody, and another clip with them, or the end of
the same clip. Settings are chosen on some people (`--people choose`) and reported on others.

python benchmarks/identity.py FOLDER --people report
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from bench.crossings import crossings, swapped
from bench.visits import Clip, Replayer, ids_of_visits, outcome, spliced
from co_perception.data.video import VideoReader
from co_perception.engine.data import Image
from co_perception.engine.settings import values_of
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.pose.appearance import appearance
from co_perception.pose.finder import Finder, PoseSettings, build
from co_perception.pose.identity import IDENTITIES
from co_perception.pose.tracker import Tracker
from co_perception.runtime.store import store

LEAST_S, MOST_S = 2.0, 30.0  # of absence
LEAST_VISIT_S = 1.5  # a shorter one may end before a newcomer has an id

# Who is who, by eye: left and right of each pair of UT-Interaction, and who points, alone, in the clips of that.
PAIRS = {
    1: ("gray", "white"), 2: ("shirt", "striped"), 3: ("lines", "yellow"), 4: ("gray", "yellow"), 5: ("red", "rose"),
    6: ("striped", "lines"), 7: ("rose", "jacket"), 8: ("jacket", "red"), 9: ("striped", "navy"),
    10: ("red", "striped"),
}  # fmt: skip
ALONE = {3: "gray", 11: "shirt", 15: "yellow", 22: "gray", 28: "red", 33: "lines", 39: "rose", 46: "red", 48: "navy",
         57: "striped"}  # fmt: skip
VIEWS = {1: ("athlete", "walker"), 2: ("walker", "athlete"), 3: ("athlete", "walker"), 4: ("walker", "athlete")}
CHOOSE = ("gray", "white", "shirt", "lines", "yellow", "sweater", "blue", "man", "woman")


@dataclass(frozen=True)
class Source:
    """A clip to be read: its file, the group of clips that were taken one after the other, who is in it from left to
    right, which frames are taken, and whether everybody stays on their side."""

    path: Path
    group: str
    names: tuple[str, ...]
    every: int
    sides: bool = False


def sources(folder: Path) -> Iterator[Source]:
    """All clips that there are."""
    for path in sorted((folder / "ut_interaction").glob("*.avi")):
        number, pair, _ = map(int, path.stem.split("_"))
        yield Source(path, f"pair {pair}", (ALONE[number],) if number in ALONE else PAIRS[pair], 2, True)
    for subject, clothes in ((1, "blue"), (2, "navy pullover")):
        for path in sorted((folder / "gmdcsa24" / f"Subject {subject}").glob("*/*.mp4")):
            name = "sweater" if (subject, path.stem) == (1, "10") else clothes
            yield Source(path, f"home {subject}", (name,), 6)
    yield Source(folder / "felix_exercise.avi", "felix", ("left", "middle", "right"), 4)
    for view in range(1, 5):
        yield Source(store.locate(f"pose2sim_multi_cam{view:02}"), f"view {view}", VIEWS[view], 3)
    yield Source(store.locate("sports2d_demo"), "demo", ("man", "woman"), 3)


def read(source: Source, cache: Path) -> tuple[Clip, list[list[Pose]]]:
    """A clip with its people under their names, and all that was found in each frame; of the cache, if it is there."""
    file = cache / f"{source.group} {source.path.parent.name} {source.path.stem}.npz"
    if not file.is_file():
        estimate(source, file)
    content = np.load(file)
    ends = np.cumsum(content["counts"])
    poses = [
        Pose(data, confidence=float(score)) for data, score in zip(content["poses"], content["scores"], strict=True)
    ]
    frames = [poses[end - count : end] for end, count in zip(ends, content["counts"], strict=True)]
    stamps = tuple(int(stamp) for stamp in content["stamps"])
    people = named(frames, stamps, source.names, source.sides)
    return Clip(f"{source.group}/{source.path.stem}", content["frames"], stamps, people), frames


def estimate(source: Source, file: Path) -> None:
    """Writes the frames of a clip and what MoveNet finds in them."""
    estimator, pictures, stamps, found = build(PoseSettings()), list[np.ndarray](), list[int](), list[list[Pose]]()
    with VideoReader(str(source.path), 480) as reader:
        for number, frame in enumerate(reader):
            if number % source.every == 0:
                pictures.append(np.ascontiguousarray(frame.pixels))
                stamps.append(round(frame.time_s * 1e9))
                found.append(estimator.estimate(Image(pictures[-1], stamps[-1])))
    poses = [pose for frame in found for pose in frame]
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        file, frames=np.stack(pictures), stamps=np.array(stamps), counts=np.array([len(frame) for frame in found]),
        poses=np.array([pose.data for pose in poses]), scores=np.array([pose.confidence for pose in poses]),
    )  # fmt: skip


def named(
    frames: Sequence[Sequence[Pose]], stamps_ns: Sequence[int], names: Sequence[str], sides: bool = False
) -> tuple[tuple[Pose, ...], ...]:
    """The people in each frame under their names: of as many tracks as names, the largest, from left to right."""
    tracker = Tracker(max_missed_s=2.0)
    tracked = [tracker.update(poses, stamp).poses for poses, stamp in zip(frames, stamps_ns, strict=True)]
    size, left = Counter[str](), defaultdict[str, list[float]](list)
    for poses in tracked:
        for pose in poses:
            size[pose.id] += round(float(np.ptp(pose.data[pose.found, 1])))
            left[pose.id].append(float(pose.data[pose.found, 0].mean()))
    chosen = sorted((id for id, _ in size.most_common(len(names))), key=lambda id: np.median(left[id][:10]))
    name = dict(zip(chosen, names, strict=False))
    people = tuple(tuple(replace(pose, id=name[pose.id]) for pose in poses if pose.id in name) for poses in tracked)
    return on_their_sides(people, names) if sides else people


def on_their_sides(people: Sequence[tuple[Pose, ...]], names: Sequence[str]) -> tuple[tuple[Pose, ...], ...]:
    """Two people under their names by who is on the left in each frame, whatever the tracker says; left out where only
    one is found."""

    def across(pose: Pose) -> float:
        return float(np.median(pose.data[pose.found, 0]))

    pairs = [tuple(sorted(poses, key=across)) if len(poses) == len(names) else () for poses in people]
    return tuple(tuple(replace(pose, id=name) for pose, name in zip(poses, names, strict=False)) for poses in pairs)


@dataclass(frozen=True)
class Trial:
    """Visits spliced one after the other, of which the last one counts; whose return or first visit that is."""

    kind: str
    name: str
    visits: tuple[Clip, ...]
    gaps_s: tuple[float, ...]


def trials(clips: Sequence[Clip], each: int, seed: int = 0) -> Iterator[Trial]:
    """Of every person in every clip `each` trials of each kind that the clips allow.

    cut: the clip's first 40 %, then its last 35 %. clip: another clip of the same group before, and two of others
    before that. later: a clip of another group with them, under other light, before. stranger: two clips without them.
    """
    draw = random.Random(seed)

    def visits(*before: Clip, last: Clip) -> tuple[tuple[Clip, ...], tuple[float, ...]]:
        shown = (*draw.sample(before, len(before)), last)
        return shown, tuple(round(draw.uniform(LEAST_S, MOST_S), 1) for _ in shown[1:])

    def group(clip: Clip) -> str:
        return clip.name.partition("/")[0]

    for clip in clips:
        for name in clip.names:
            known = [other for other in clips if name in other.names and other is not clip]
            strangers = [other for other in clips if name not in other.names]
            same = [other for other in known if group(other) == group(clip)]
            later = [other for other in known if group(other) != group(clip)]
            for _ in range(each):
                some = draw.sample(strangers, min(2, len(strangers)))
                if 0.35 * clip.stamps_ns[-1] >= LEAST_VISIT_S * 1e9:
                    yield Trial("cut", name, *visits(*some, clip.part(0, 0.4), last=clip.part(0.65, 1)))
                if same:
                    yield Trial("clip", name, *visits(*some, draw.choice(same), last=clip))
                if later:
                    yield Trial("later", name, *visits(*some, draw.choice(later), last=clip))
                yield Trial("stranger", name, *visits(*some, last=clip.only(name)))


def run(trial: Trial, settings: PoseSettings) -> str:
    """What became of the person of a trial."""
    return outcome(trial.name, ids_of_visits(spliced(trial.visits, trial.gaps_s), settings))


def choose(clips: Sequence[Clip], people: str) -> list[Clip]:
    """The clips with those people alone who are for choosing settings, or with the others alone."""
    every = {name for clip in clips for name in clip.names}
    names = every & set(CHOOSE) if people == "choose" else every - set(CHOOSE)
    return [part for clip in clips if (part := clip.only(*names)).names]


def table(results: Sequence[tuple[Trial, str]]) -> Iterator[str]:
    """Rows of Markdown: kind of the trials, their number, and shares of what became of the people."""
    yield "| trials | number | right | new id | wrong person | no id |"
    yield "|---|---|---|---|---|---|"
    for kind in ("cut", "clip", "later", "stranger"):
        found = Counter(result for trial, result in results if trial.kind == kind)
        total = sum(found.values())
        shares = (f"{found[result] / max(total, 1):.1%}" for result in ("right", "new", "wrong", "none"))
        yield f"| {kind} | {total} | {' | '.join(shares)} |"


def cost_ms(clips: Sequence[Clip]) -> tuple[float, float]:
    """Median and 95th percentile of the time for a look at a person [ms]."""
    times = []
    for clip in clips:
        for picture, people in list(zip(clip.pictures, clip.people, strict=True))[::10]:
            for pose in people:
                began = perf_counter()
                appearance(picture, pose)
                times.append(1e3 * (perf_counter() - began))
    return float(np.median(times)), float(np.percentile(times, 95))


def met(clip: Clip, frames: Sequence[Sequence[Pose]], settings: PoseSettings) -> Counter[str]:
    """What became of the ids of two people who meet, by who is on which side before and after; of everything that was
    found in the clip."""
    replayer, ids = Replayer(), defaultdict[tuple[bool, str], Counter[str]](Counter)
    finder = Finder(replayer, replace(settings, second_look=0))
    for number, (picture, stamp_ns, poses) in enumerate(zip(clip.pictures, clip.stamps_ns, frames, strict=True)):
        replayer.poses = tuple(poses)
        found = finder.find(Image(picture, NANO + stamp_ns)).poses
        share = number / len(frames)
        for person in clip.people[number] if share < 0.25 or share >= 0.7 else ():
            own = [pose.id for pose in found if np.array_equal(pose.data, person.data)]
            ids[share > 0.5, person.id].update(own)
    before = {ids[False, name].most_common(1)[0][0]: name for name in clip.names if ids[False, name]}
    after = {name: ids[True, name].most_common(1)[0][0] for name in clip.names if ids[True, name]}
    known = [name for name in before.values() if name in after]
    return Counter(
        "new" if after[name] not in before else "held" if before[after[name]] == name else "swapped" for name in known
    )


def print_crossings(count: int, folder: Path, cache: Path) -> None:
    """Prints what became of the ids where people meet, drawn ones and in UT-Interaction, without and with looks."""
    pairs = [read(source, cache) for source in sources(folder) if source.sides and len(source.names) == 2]
    for identity in IDENTITIES:
        settings = values_of(PoseSettings, {"identity": identity})
        found = Counter(swapped(crossing, settings) for crossing in crossings(count))
        print(f"identity {identity}: {count} drawn crossings: {dict(found)}")
        people = sum((met(clip, frames, settings) for clip, frames in pairs), Counter[str]())
        print(f"identity {identity}: people of {len(pairs)} clips in which two meet: {dict(people)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a table for each threshold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with ut_interaction, gmdcsa24 and felix_exercise.avi")
    parser.add_argument("--people", choices=("choose", "report"), default="report", help="(default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("out/bench/identity"), help="(default: %(default)s)")
    parser.add_argument("--each", type=int, default=3, help="trials of a kind for each person and clip (%(default)s)")
    parser.add_argument("--threshold", type=float, nargs="*", default=[PoseSettings().identity_threshold])
    parser.add_argument("--details", action="store_true", help="print each trial that went wrong or gave a new id")
    parser.add_argument("--crossings", type=int, default=0, help="so many drawn crossings, and the real ones, instead")
    options = parser.parse_args(arguments)
    if options.crossings:
        print_crossings(options.crossings, options.folder, options.cache)
        return
    clips = choose([read(source, options.cache)[0] for source in sources(options.folder)], options.people)
    for threshold in options.threshold:
        settings = values_of(PoseSettings, {"identity": "appearance", "identity_threshold": threshold})
        results = [(trial, run(trial, settings)) for trial in trials(clips, options.each)]
        print(f"\nthreshold {threshold:.2f}, {len(clips)} clips", *table(results), sep="\n", flush=True)
        for trial, result in results if options.details else ():
            if result != "right":
                print(trial.kind, trial.name, [clip.name for clip in trial.visits], result)
    print("a look at a person: {:.2f} ms, 95 % within {:.2f} ms".format(*cost_ms(clips)))


if __name__ == "__main__":
    main()
