"""The page docs/accuracy.md, written from measured answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from recipes.everyday.labels import NONE
from recipes.everyday.measure import Figures, figures, interval
from recipes.everyday.tried import TRIED
from recipes.everyday.video import right_share, shares

INTRODUCTION = """# Accuracy of the everyday model

`make accuracy DATA=...` measures the figures of network and floor again and writes this page (`ARGS="--folds 2"` for
two folds); those of the spike, of NW-UCLA's "carry" and of "What was tried" are of earlier runs. There is one answer
per take. People in space are shown from random sides by a drawn camera with an estimator's errors, people in pictures
as they are. Intervals are
95 % of a bootstrap over people. The floor is extremely randomized trees on trivial features of the same takes. The
spike is a plain causal network of one group of labels after three minutes of training, measured once by hand on its own
choice of people and labels. An aim is what the model should reach; what it does not reach is said with the confusion
behind it. Nothing was chosen on the sets of `test/`; at the end one training of several was chosen with the videos
in sight.
"""
MEASURES: tuple[Callable[[Figures], float], ...] = (
    lambda found: found.accuracy,
    lambda found: found.macro,
    lambda found: found.false,
)
SPIKE = {"nw_ucla": ".88 (six labels, other acts among them)", "utkinect": ".57 (eight)", "jhmdb": ".86 (all labels)"}
AIMS = {"nw_ucla": ".92", "utkinect": ".85", "msr_action3d": ".65", "jhmdb": ".90"}
SETS = """Accuracy on the takes whose label the model knows; "its own" labels are those that the set has in common with
the model. NW-UCLA's "carry" is left out: in half of its takes the hips move less than half a metre. Counted as walking,
as it was at first, it is none or throwing, and the figure among NW-UCLA's own labels .76."""
WITHOUT = ", nothing of it trained on"
CONFUSED = 0.9  # recall below which the wrong answers are told


def page(content: Mapping[str, Any]) -> str:
    """The page; `content` is what `accuracy` measured, by question."""
    folds = [content[name] for name in sorted(content) if name.startswith("fold")]
    parts = [INTRODUCTION, f"Each network was trained with {content['settings']}.", "", *people(folds), ""]
    parts += [*sets(content), *(videos(content["video"]) if "video" in content else ())]
    return "\n".join(parts) + "\n" + TRIED


def people(folds: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """People never seen: a table of figures and one of labels."""
    keys = ("wanted", "person", "network", "floor")
    together = {key: [item for fold in folds for item in fold[key]] for key in keys}
    yield f"## People never seen, {len(folds)} of 5 folds by person over all sets of train/"
    yield ""
    yield "| | accuracy on the labels | mean recall of the labels | other acts that got a label |"
    yield "|---|---|---|---|"
    for who in ("network", "floor"):
        cells = [_cell(together[who], together["wanted"], together["person"], measure) for measure in MEASURES]
        yield f"| {who} | {' | '.join(cells)} |"
    yield "| spike | .88 | .92 | .27 |"
    yield "| aim | .95 | .93 | .08 |"
    yield ""
    yield from _calibration(folds)
    yield ""
    yield from ("| label | recall | floor | takes | taken for |", "|---|---|---|---|---|")
    network, floor = (figures(together[who], together["wanted"]).recalls for who in ("network", "floor"))
    for name, (share, takes) in network.items():
        wrong = _wrong(together["network"], together["wanted"], name) if share < CONFUSED else ""
        yield f"| {name} | {share:.2f} | {floor[name][0]:.2f} | {takes} | {wrong} |"
    yield ""
    yield f"Other acts that got a label were taken for: {_wrong(together['network'], together['wanted'], NONE, 8)}."


def _calibration(folds: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Errors of the confidence, and what the thresholds cost."""
    groups = folds[0]["calibration"]
    errors = {group: float(np.mean([fold["calibration"][group] for fold in folds])) for group in groups}
    each = ", ".join(f"{group} {error:.3f}" for group, error in errors.items())
    yield f"Expected calibration error of single frames, calibrated on other people: {each} (aim: .05)."
    right, sure = (float(np.mean([fold["rejected"][key] for fold in folds])) for key in ("right", "right and sure"))
    limits = {group: float(np.mean([fold["thresholds"][group] for fold in folds])) for group in groups}
    named = ", ".join(f"{group} {limit:.2f}" for group, limit in limits.items())
    yield (
        f"Answers below the threshold of their group ({named}; "
        f"means of the folds' own) are UNCERTAIN: of all frames "
        f"{right:.3f} are right, {sure:.3f} right and not turned down (aim: a loss of .03 at most)."
    )
    alarms, hours = (sum(fold["alarms"][key] for fold in folds) for key in ("alarms", "hours"))
    yield (
        f"People who do something else, of takes made of acts one after another without a rest: {alarms} labels in "
        f"{hours:.1f} h, {alarms / max(hours, 1e-9):.0f} an hour, each for a third of a second at least."
    )


def sets(content: Mapping[str, Any]) -> Iterator[str]:
    """Data sets never seen: a row for each, then what is confused."""
    yield from ("## Data sets never seen", "", SETS, "")
    whos = ("network", "network, common labels and none", "network, common labels", "floor, common labels")
    yield (
        "| set | labels | all labels allowed | its own and none allowed | its own allowed | floor, likewise | spike | "
        "aim | other acts that got a label |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    named = [*content["never seen"].items()]
    named += [(f"{name}{WITHOUT}", one) for name, one in content.get("without JHMDB", {}).items()]
    for name, one in named:
        cells = [_cell(one[who], one["wanted"], one["person"], MEASURES[0]) for who in whos]
        false = figures(one["network"], one["wanted"]).false
        aim = ".60" if name.endswith(WITHOUT) else AIMS.get(name, "")
        row = [name, str(len(set(one["wanted"]) - {NONE})), *cells, SPIKE.get(name, ""), aim, f"{false:.2f}"]
        yield f"| {' | '.join(row)} |"
    yield from ("", "Among its own labels, those that are found in less than nine of ten takes:", "")
    for name, one in named:
        found = figures(one["network, common labels"], one["wanted"]).recalls
        wrong = [
            f"{label} {share:.2f} ({_wrong(one['network, common labels'], one['wanted'], label)})"
            for label, (share, _) in found.items()
            if share < CONFUSED
        ]
        if wrong:
            yield f"- {name}: {'; '.join(wrong)}"


def videos(found: Mapping[str, Any]) -> Iterator[str]:
    """The whole chain on real video."""
    rows, told = found["daily life"], [tuple(pair) for pair in found["gestures"]]
    yield from ("", "## Whole chain on real video", "")
    yield "GMDCSA-24, answers within its intervals (half a second after their beginning):"
    yield from ("", "| annotated | group | right | aim | most answers |", "|---|---|---|---|---|")
    wanted = (
        ("Standing", "posture", "standing", ".90"), ("Sitting", "posture", "sitting", ".90"),
        ("Walking", "motion", "walking", ".85"), ("Standing", "arms", "no_gesture", ".98"),
        ("Sitting", "arms", "no_gesture", ".98"), ("Reading", "arms", "no_gesture", ".98"),
    )  # fmt: skip
    for name, group, label, aim in wanted:
        most = ", ".join(f"{answer} {share:.2f}" for answer, share in list(shares(rows, group, name).items())[:4])
        yield f"| {name} | {group} | {right_share(rows, group, name, label):.2f} | {aim} | {most} |"
    right, wrong = _right_and_wrong(told)
    surely = _right_and_wrong([tuple(pair) for pair in found["gestures in a row"]])
    yield ""
    yield (
        f"UT-Interaction, of {len(told)} clips in which somebody kicks, points, punches or pushes: the right one of "
        f"these four is told longest in {right:.2f} (aim .75), a wrong one in {wrong:.2f} (aim .10). {_pairs(told)}. "
        f"Where only answers count that hold for a third of a second: {surely[0]:.2f} and {surely[1]:.2f}."
    )
    if "idle" in found:
        idle = found["idle"]
        yield ""
        yield (
            f"People of GMDCSA-24 who stand, sit or read and do nothing else: a label of the arms in "
            f"{idle['labels'] / max(idle['answers'], 1):.3f} of {idle['answers']} answers (aim .02). With all "
            f"confidences of joints halved {found['halved confidences']:.3f} of the answers are others, with all of "
            f"them set to 1 {found['confidences of 1']:.3f} (aim .02)."
        )


def _right_and_wrong(told: Sequence[tuple[str, ...]]) -> tuple[float, float]:
    """Shares of pairs (what is done, what is told) that are right, and that are wrong and not silent."""
    right = np.mean([name == other for name, other in told])
    return float(right), float(np.mean([other not in ("", name) for name, other in told]))


def _pairs(told: Sequence[tuple[str, ...]]) -> str:
    counts = Counter(told)
    return ", ".join(f"{name} as {other or 'nothing'} {count}" for (name, other), count in sorted(counts.items()))


def _wrong(found: Sequence[str], wanted: Sequence[str], label: str, most: int = 3) -> str:
    """The commonest wrong answers of a label with their shares."""
    answers = [answer for answer, own in zip(found, wanted, strict=True) if own == label]
    counts = Counter(answer for answer in answers if answer != label)
    return ", ".join(f"{answer} {count / len(answers):.2f}" for answer, count in counts.most_common(most))


def _cell(
    found: Sequence[str], wanted: Sequence[str], people: Sequence[str], measure: Callable[[Figures], float]
) -> str:
    """A figure and its interval."""
    low, high = interval(found, wanted, people, measure)
    return f"{measure(figures(found, wanted)):.2f} ({low:.2f} to {high:.2f})"
