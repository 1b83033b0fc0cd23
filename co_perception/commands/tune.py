"""`co-perception tune`: thresholds of the event detector for each label, from a budget of false alarms per hour."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from co_perception.commands.evaluate import JOBS, add_recognizer
from co_perception.commands.evaluation_plan import plan_of
from co_perception.commands.output import Bar, Commands, print_table
from co_perception.engine.arguments import NumberArgument, positive
from co_perception.engine.paths import user_path

if TYPE_CHECKING:
    from co_perception.commands.evaluation_plan import EvaluationPlan
    from co_perception.evaluation.rule_trials import TrialTable
    from co_perception.evaluation.threshold_choice import TuningResult

PER_HOUR = positive("false alarms per hour, such as 1", 3600)
LEVEL = NumberArgument("a share, such as 0.95", 0, 1, open_below=True, open_above=True)
PARAMS, TRADE = "event_rules.yaml", "trade.png"
NOTHING = "(nothing of it)"  # label of time without an annotation


def add(commands: Commands) -> None:
    about = "choose the thresholds of events for a rate of false alarms"
    parser = commands.add_parser(
        "tune",
        help=about,
        description=f"{about.capitalize()}, from recordings in which all activities are annotated: in time without an "
        "annotation nothing happens. Exit status 1 where there is too little data for the rate.",
    )
    add_recognizer(parser)
    parser.add_argument(
        "--false-alarms-per-hour", type=PER_HOUR, required=True, metavar="RATE", help="of all labels together, at most"
    )
    parser.add_argument(
        "--level", type=LEVEL, default=0.95, metavar="SHARE",
        help="of the interval whose upper end stays below the rate (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--nothing", action="store_true", help="recordings without annotations show nothing of what is recognized"
    )
    parser.add_argument("--out", type=user_path, metavar="DIR", help=f"folder for {PARAMS} and {TRADE}")
    parser.add_argument("--jobs", type=JOBS, default=1, metavar="N", help="processes at a time (default: %(default)s)")
    parser.set_defaults(
        run=_run, require=[], compare=None, background="", described=False, held_out=False, seed=0, together=False,
        rate_hz=None, drop=None, jitter_ms=None, noise=None,
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.evaluation.threshold_choice import choose

    table = _table(plan_of(arguments), arguments.jobs, arguments.nothing)
    result = choose(table, arguments.false_alarms_per_hour, arguments.level)
    _show(result)
    if arguments.out:
        _write(arguments.out, table, result, arguments.false_alarms_per_hour)
    return 0


def _table(plan: EvaluationPlan, jobs: int, nothing: bool) -> TrialTable:
    """Answers the recordings, and tries the rules on the answers. Raises ValueError for one that cannot be used."""
    from dataclasses import replace
    from tempfile import TemporaryDirectory

    from co_perception.commands.evaluation import recording_annotations, run_tasks
    from co_perception.data.bags.labeled_bags import annotation_file_beside
    from co_perception.engine.label_groups import is_none
    from co_perception.evaluation.ground_truth import UNANNOTATED, Replayed, label_records
    from co_perception.evaluation.judged_groups import judged_groups
    from co_perception.evaluation.records import first_of_each, read_run
    from co_perception.evaluation.rule_trials import joined, trials

    replayed = []
    with TemporaryDirectory(prefix="co_perception_") as parts:
        results = run_tasks(list(plan.tasks(Path(parts))), jobs, None)
        classes, groups = results[0].classes, results[0].groups
        for each in results:
            if each.error or (each.classes, each.groups) != (classes, groups):
                raise ValueError(f"{each.task.recording}: {each.error or 'it has other labels than the first'}")
            name, path = each.task.recording, plan.recordings[each.task.recording]
            usable, problems = recording_annotations(plan, each, classes, groups)
            silent = problems == [UNANNOTATED] or not (plan.annotations or annotation_file_beside(path))
            if problems and not (silent and nothing):
                advice = ". If it shows nothing of what is recognized: --nothing" if silent else ""
                raise ValueError(f"{name}: {'; '.join(problems)}{advice}")
            replayed.append(Replayed(name, first_of_each(read_run(each.task.folder)), usable or []))
    protocol = replace(plan.protocol, background=NOTHING)
    tables = []
    with Bar(lambda at, whole: f"{100 * at // whole} %") as bar:
        for group in judged_groups(classes, groups, protocol):
            labeled = [group.narrowed(label_records(group.of(each), group.protocol)) for each in replayed]
            labels = [label for label in group.classes if not is_none(label, group.name)]
            show = partial(_report, bar, f"rules for {group.name}" if group.name else "rules")
            tables.append(trials(labeled, labels, group.classes, show))
    return joined(tables)


def _report(bar: Bar, activity: str, share: float) -> None:
    bar(activity, round(1000 * share), 1000)


def _show(result: TuningResult) -> None:
    rows: list[tuple[str, ...]] = [
        ("label", "activities", "missed", "delay s", "false", "on", "off", "min_on_s", "min_off_s")
    ]
    for each in result.choices:
        delay = "-" if each.mean_delay_s != each.mean_delay_s else f"{each.mean_delay_s:.2f}"
        rule = each.rules
        numbers = (f"{value:g}" for value in (rule.on, rule.off, rule.min_on_s, rule.min_off_s))
        rows.append((each.label, str(each.true), str(each.missed), delay, str(each.false), *numbers))
    print_table(rows)
    low, high = result.interval
    print(
        f"\n{result.false} false alarms in {result.hours:.2f} h: {result.per_hour:.2f} an hour, {low:.2f} to "
        f"{high:.2f} at {result.level:.0%}, if they come independently of each other."
    )
    if absent := [each.label for each in result.choices if not each.true]:
        print(f"Without an example, and therefore with the strictest rule: {', '.join(absent)}.")


def _write(out: Path, table: TrialTable, result: TuningResult, rate: float) -> None:
    from co_perception.evaluation.plots.trade import draw_trade
    from co_perception.online.events import label_rules_text

    out.mkdir(parents=True, exist_ok=True)
    rules = label_rules_text({each.label: each.rules for each in result.choices})
    low, high = result.interval
    text = (
        f"# By co-perception tune, for at most {rate:g} false alarms an hour: {result.false} in {result.hours:.2f} h,\n"
        f"# which is {low:.2f} to {high:.2f} an hour at {result.level:.0%}.\n"
        f"/**:\n  ros__parameters:\n    event_rules: {json.dumps(rules, ensure_ascii=False)}\n"
    )
    (out / PARAMS).write_text(text, encoding="utf-8")
    draw_trade(out / TRADE, table, rate, result.level)
    print(f"{out} has {PARAMS}, for --params-file, and {TRADE}.")
