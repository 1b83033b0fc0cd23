"""Source of a domain adaptation: samples of another place with the same activities, matched to those of the target."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from co_perception.commands.sources import SampleSources, check_sources, read_samples
from co_perception.engine.arguments import NumberArgument
from co_perception.engine.paths import user_path

if TYPE_CHECKING:
    from co_perception.data.parsing import Skipped
    from co_perception.data.samples import Samples
    from co_perception.engine.stage_counts import StageCounts
    from co_perception.networks.variants_skeleton import SkeletonVariant
    from co_perception.training.domain_adaptation import AdaptationSettings

LOSS_WEIGHT = NumberArgument("a share of the loss, such as 0.25", 0, 1, open_above=True)
MOST_LOOKED_AT = 200  # samples of a domain, for their joints


@dataclass(frozen=True)
class SourceDomain:
    """Where to adapt from, as the arguments of these names.

    Args:
        source: recordings and data sets of another place; none: no adaptation.
        embedding_weight, source_weight: as of `AdaptationSettings`; None: its own.
    """

    source: list[Path]
    embedding_weight: float | None
    source_weight: float | None

    def settings(self) -> AdaptationSettings | None:
        """Weights of the losses; None without a source. Raises ValueError for weights without one."""
        from co_perception.training.domain_adaptation import AdaptationSettings

        given = {"embedding": self.embedding_weight, "source": self.source_weight}
        chosen = {name: value for name, value in given.items() if value is not None}
        if not self.source:
            if chosen:
                raise ValueError(
                    f"--{next(iter(chosen))}-weight weighs a loss of a domain adaptation, and there is no --source to "
                    "adapt from: leave it out, or name the source."
                )
            return None
        return AdaptationSettings(**chosen)


def add_source_domain(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `SourceDomain`."""
    group = parser.add_argument_group(
        "domain adaptation", "The recordings or data sets above are a few of a new place; many of another one help."
    )
    group.add_argument(
        "--source", nargs="+", type=user_path, default=[], metavar="SOURCE",
        help="recordings or data sets of another place or camera with activities of the same names",
    )  # fmt: skip
    group.add_argument(
        "--embedding-weight", type=LOSS_WEIGHT, metavar="SHARE",
        help="share of the loss that brings features of one activity together (default: 0.25)",
    )  # fmt: skip
    group.add_argument(
        "--source-weight", type=LOSS_WEIGHT, metavar="SHARE",
        help="share of the source in the rest of the loss (default: 0.5)",
    )  # fmt: skip


def read_domains(
    given: SampleSources,
    source: Sequence[Path],
    variant: SkeletonVariant,
    step: int,
    counts: StageCounts,
    shortest: int | None = None,
) -> tuple[Samples, Samples | None, Skipped]:
    """Samples of the target, those of the source with the target's classes (None without one), and what was skipped.

    `shortest` is that of `read_samples`, without a source. Options of data sets hold for both. `--annotations` is for
    the target: recordings of the source have their annotations beside them.

    Raises:
        FileNotFoundError, ValueError: as `read_samples`.
        ValueError: where source and target share no class, show the same recordings, or have other joints.
    """
    if not source:
        target, skipped = read_samples(given, variant, step, counts, shortest=shortest)
        return target, None, skipped
    if {path.resolve() for path in source} & {path.resolve() for path in given.sources}:
        raise ValueError("a recording or data set is given twice, as the target and as --source: leave it out of one.")
    check_sources(replace(given, sources=[*given.sources, *source]))
    target, skipped = read_samples(given, variant, step, counts, check=False)
    others = replace(given, sources=list(source), annotations=None)
    found, more = read_samples(others, variant, step, counts, check=False)
    matched = _of_same_classes(found, target)
    _check_content(matched, target)
    check_joints(matched, target, variant)
    return target, matched, skipped + more


def _of_same_classes(source: Samples, target: Samples) -> Samples:
    """The source's samples of the target's classes; tells which classes only one of them has."""
    theirs, own = ({name for name, count in each.counts().items() if count} for each in (source, target))
    if not theirs & own:
        raise ValueError(
            f"the source and the target share no class: the source has {_names(theirs)}, the target {_names(own)}. "
            "Classes are matched by their names, letter by letter: rename them in the annotations."
        )
    if only := theirs - own:
        print(f"--source: {len(only)} classes that the target does not have are left out: {_names(only)}.",
              file=sys.stderr)  # fmt: skip
    if only := own - theirs:
        print(f"--source has no example of: {_names(only)}. They are learned from the target alone.", file=sys.stderr)
    return source.with_classes(target.classes)


def _check_content(source: Samples, target: Samples) -> None:
    """Raises ValueError where the source shows recordings of the target, which may be held out of it."""
    from co_perception.data.content_sketch import ContentSketch
    from co_perception.data.known_content import content_digests

    known, shown = (
        ContentSketch.of(digest for item in samples.items for digest in content_digests(item.read()))
        for samples in (source, target)
    )
    if overlap := known.overlap(shown):
        shared, compared = overlap
        raise ValueError(
            f"--source shows recordings of the target: {shared} of {compared} poses that were compared are the same. "
            "What is held out of the target must not be trained on: leave them out of the source."
        )


def check_joints(source: Samples, target: Samples, variant: SkeletonVariant) -> None:
    """Raises ValueError where one layout never has joints of the network that the other has.

    The network would tell the places apart by these, instead of learning what they share.
    """
    from co_perception.skeletons.layouts import layout
    from co_perception.skeletons.mapping import absent

    gaps = []
    for samples in (source, target):
        step = max(len(samples) // MOST_LOOKED_AT, 1)
        layouts = {item.read().layout for item in samples.items[::step]}
        missing = [set(absent(layout(name), layout(variant.layout))) for name in layouts]
        gaps.append((" and ".join(sorted(layouts)), set.intersection(*missing)))
    (theirs, without), (own, also_without) = gaps
    if without == also_without:
        return
    lacking, name, other = ("--source", theirs, own) if without - also_without else ("the target", own, theirs)
    joints = _names((without - also_without) or (also_without - without))
    raise ValueError(
        f"source and target have other layouts: {lacking} ({name}) never has {joints}, which the network reads and the "
        f"other ({other}) has. The network would tell the places apart by that: choose one that reads joints of both, "
        "such as --network cotcn, or convert the recordings to one layout."
    )


def _names(names: set[str], shown: int = 6) -> str:
    listed = sorted(names)
    return ", ".join(listed[:shown]) + (", ..." if len(listed) > shown else "")
