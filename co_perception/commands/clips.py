"""`co-perception clips`: labeled videos become annotated recordings, which every other command reads."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from co_perception.commands.output import Bar, Commands, print_table
from co_perception.engine.paths import user_path

if TYPE_CHECKING:
    from co_perception.data.datasets.video_folder import Clip
    from co_perception.data.parsing import Skipped
    from co_perception.data.samples import Samples
    from co_perception.learners.clip_recordings import ActorChoice, ClipLabel
    from co_perception.learners.posed_video import PosedVideo

ASSUMED_HZ = 30.0  # of videos, for the progress within one
WHO = "most, two (who move most), all, left, right, largest"


def add(commands: Commands) -> None:
    about = "make annotated recordings of labeled videos: the poses of everybody in them, and who does what when"
    parser = commands.add_parser(
        "clips",
        help=about,
        description=f"{about.capitalize()}. As fast as the pose network runs; poses are stored, so each video costs "
        "once. `train` takes the same sources, and does this by itself.",
    )
    parser.add_argument(
        "sources", nargs="+", type=user_path, metavar="SOURCE",
        help="folders with a folder of videos for each activity, or tables path,label,start,end,subject,who",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=user_path, required=True, metavar="DIR", help="folder that gets a recording for each video"
    )
    add_who(parser)
    parser.set_defaults(run=_run)


def add_who(parser: argparse.ArgumentParser) -> None:
    """Adds the options that are for videos alone."""
    parser.add_argument(
        "--who", choices=("most", "two", "all", "left", "right", "largest"), default=None, metavar="RULE",
        help=f"which of several people in a video acts, where its table does not say it: {WHO} (default: most)",
    )  # fmt: skip
    parser.add_argument(
        "--pose-set", dest="pose_settings", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter of the node pose, for videos (input_size=384); may be given again",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.data.parsing import Skipped

    skipped = Skipped()
    bags = record_clips(arguments.sources, arguments.out, arguments.who or "most", arguments.pose_settings, skipped)
    if skipped:
        print(skipped.report(), file=sys.stderr)
    print(f"{len(bags)} recordings are in {arguments.out}. To train on them:")
    print(f"  co-perception train {arguments.out}/* --from cotcn_everyday --background other --out lesson")
    print("Or, where each activity has only some clips, in seconds:")
    print(f"  co-perception show {arguments.out}/* --background other --gallery mine")
    return 0


def record_clips(
    sources: Sequence[Path], out: Path, who: str, pose_settings: Sequence[str], skipped: Skipped
) -> list[Path]:
    """Writes a recording for each video of folders and tables, and prints who was taken for the one who acts.

    Args:
        sources: folders with a folder of videos for each class, or tables.
        out: folder of the recordings, made where it is missing.
        who: rule for clips whose table does not say it.
        pose_settings: settings of the node `pose`, as NAME=VALUE.
        skipped: gets videos in which nobody is found, or that cannot be read.

    Returns:
        The recordings, in the order of the videos.

    Raises:
        FileNotFoundError: for a source that is not there.
        FileExistsError: where a recording of a video's name is in `out` already.
        ValueError: for a source without videos, a `who` that nobody in a clip is, and where nothing can be used.
    """
    from co_perception.learners.clip_recordings import choose_actors, recording_names, write_clip_recording

    out.mkdir(parents=True, exist_ok=True)
    clips = _clips(sources, who, skipped)
    posed = _posed(list(clips), pose_settings, skipped)
    names, bags, rows = recording_names(posed), list[Path](), list[tuple[str, ...]]()
    for path, found in posed.items():
        try:
            choices = choose_actors(found, clips[path])
            write_clip_recording(out / names[path], found, choices)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        bags.append(out / names[path])
        for choice in choices:
            if not choice.actors:
                skipped.add(path, f"nobody is found while {choice.clip.label!r} lasts")
        rows += [_row(path, choice) for choice in choices]
    skipped.require(bags, ", ".join(map(str, sources)), "Are people in the videos, and large enough?")
    print_table([("video", "part", "label", "people in sight", "of whom the label is", "chosen by"), *rows])
    return bags


def is_video_source(path: Path) -> bool:
    """Whether something that is there is a folder of videos or a table of clips, as far as its names tell."""
    from co_perception.data.bags.recorded_file import is_recording
    from co_perception.data.datasets.registry import guess

    try:
        return not is_recording(path) and guess(path) == "video"
    except ValueError:
        return False


def _clips(sources: Sequence[Path], who: str, skipped: Skipped) -> dict[Path, list[ClipLabel]]:
    """The labeled parts of each video."""
    from co_perception.data.datasets.video_folder import video_samples
    from co_perception.learners.clip_recordings import ClipLabel

    found: dict[Path, list[ClipLabel]] = defaultdict(list)
    for source in sources:
        samples, left_out = video_samples(source)
        skipped.entries += left_out.entries
        for clip, label, subject in _parts(samples):
            found[clip.path].append(ClipLabel(clip.start_s, clip.end_s, label, subject, clip.who or who))
    return dict(found)


def _parts(samples: Samples) -> list[tuple[Clip, str, str]]:
    from co_perception.data.datasets.video_folder import Clip

    return [
        (each.data, samples.classes[each.label], each.subject) for each in samples.items if isinstance(each.data, Clip)
    ]


def _posed(paths: Sequence[Path], pose_settings: Sequence[str], skipped: Skipped) -> dict[Path, PosedVideo]:
    """The people in each video, from the store or found now, with the progress of all."""
    from co_perception.commands.evaluation_plan import parsed_settings
    from co_perception.data.datasets.video_folder import Clip
    from co_perception.engine.settings import table_of, values_of
    from co_perception.learners.posed_video import VideoPoser
    from co_perception.pose.finder import PoseSettings

    pairs = [text.partition("=")[::2] for text in pose_settings]
    poser = VideoPoser(values_of(PoseSettings, parsed_settings(pairs, table_of(PoseSettings))))
    found, lengths_s = dict[Path, "PosedVideo"](), dict[Path, float]()
    for path in paths:
        known = poser.stored(path)
        if known is not None:
            found[path] = known
        else:
            try:
                lengths_s[path] = Clip(path).length_s() or 1.0
            except OSError as error:
                skipped.add(path, error)
    progress = _Progress(lengths_s)
    with Bar(progress.words) as bar:
        for path in lengths_s:
            try:
                found[path] = poser.find(path, lambda frames, path=path: progress.show(bar, path, frames))  # type: ignore[misc]
            except (OSError, ValueError) as error:
                skipped.add(path, error)
    return {path: found[path] for path in paths if path in found}


class _Progress:
    """How much of the videos was looked at, and how long the rest will take.

    Args:
        lengths_s: of each, in the order in which they are looked at.
    """

    def __init__(self, lengths_s: Mapping[Path, float]) -> None:
        self._lengths_s, self._began, self._count = lengths_s, monotonic(), len(lengths_s)
        self._before_s, whole_s = dict[Path, float](), 0.0
        for path, length_s in lengths_s.items():
            self._before_s[path] = whole_s
            whole_s += length_s
        self._tenths = max(round(10 * whole_s), 1)

    def show(self, bar: Bar, path: Path, frames: int) -> None:
        """Shows that so many frames of a video were looked at."""
        done_s = self._before_s[path] + min(frames / ASSUMED_HZ, self._lengths_s[path])
        bar(f"poses of {self._count} videos", round(10 * done_s), self._tenths)

    def words(self, done: int, total: int) -> str:
        """Seconds of video, and time to go."""
        left = f", {(monotonic() - self._began) * (total - done) / done:.0f} s to go" if done else ""
        return f"{done / 10:.0f} of {total / 10:.0f} s of video{left}"


def _row(path: Path, choice: ActorChoice) -> tuple[str, ...]:
    from math import inf

    from co_perception.learners.actors import RULES

    clip = choice.clip
    part = "all" if (clip.start_s, clip.end_s) == (0, inf) else f"{clip.start_s:g}-{clip.end_s:g} s"
    people = ", ".join(f"{each.id} (moves {each.motion:.1f}, at {each.x:.0%})" for each in choice.people)
    return path.name, part, clip.label, people or "nobody", ", ".join(choice.ids), RULES.get(clip.who, "told")
