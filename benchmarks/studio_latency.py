"""From the stamp of a picture and of an answer to the moment at which the studio's live page has drawn it.

    python benchmarks/studio_latency.py [--seconds 20] [--rate 15] [--size 640 480]

Three processes, as in use: one publishes raw pictures and answers, which it stamps just before; the studio; a headless
Chromium. All have one clock. Prints a table, and writes out/bench/studio_latency.json.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from people import own_domain
from sensor_msgs.msg import Image

from bench.results import write_json
from co_perception.data.messages.image import fill
from co_perception.evaluation.provenance import machine
from co_perception.msg import Activity, ActivityArray, ActivityHypothesis
from co_perception.nodes.core.qos import image_qos, result_qos

OUT = Path("out/bench")
KINDS = ("pictures", "activity")
# Notes each age that the page says of what it has just drawn.
COLLECT = """() => {
  window.found = {pictures: [], activity: []};
  const age = document.getElementById("age");
  new MutationObserver((changes) => {
    for (const {attributeName} of changes) {
      const kind = attributeName.slice(5);
      if (kind in window.found && age.dataset[kind]) window.found[kind].push(Number(age.dataset[kind]));
    }
  }).observe(age, {attributes: true});
}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=15.0)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--publish", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.publish:
        publish(chosen.rate, tuple(chosen.size))
    own_domain()
    # Raw pictures do not fit into Fast DDS's usual shared memory: of fifteen a second, one came on a quiet machine.
    os.environ.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(Path(__file__).parents[1] / "config/fastdds.xml"))
    sent = [sys.executable, __file__, "--publish", "--rate", str(chosen.rate), "--size", *map(str, chosen.size)]
    served = [sys.executable, "-m", "co_perception.cli", "studio", "--port", "8799"]
    with subprocess.Popen(sent) as publisher, subprocess.Popen(served, stdout=subprocess.PIPE, text=True) as studio:
        try:
            found = drawn_ages(studio, chosen.seconds)
        finally:
            publisher.kill()
            studio.terminate()
    rows = {}
    print(f"| drawn | count | p50 ms | p95 ms | most ms |  load {os.getloadavg()[0]:.1f}\n|---|---|---|---|---|")
    for kind in KINDS:
        p50, p95, most = np.percentile(found[kind], [50, 95, 100])
        rows[kind] = {"count": len(found[kind]), "p50_ms": p50, "p95_ms": p95, "most_ms": most}
        print(f"| {kind} | {len(found[kind])} | {p50:.0f} | {p95:.0f} | {most:.0f} |")
    about = {"seconds": chosen.seconds, "rate_hz": chosen.rate, "size": list(chosen.size)}
    write_json(chosen.out / "studio_latency.json", {"machine": machine(), **about, "rows": rows})
    return 0


def drawn_ages(studio: subprocess.Popen[str], seconds: float) -> dict[str, list[float]]:
    """Age of each picture and answer when it was drawn [ms], after a time to begin in."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert studio.stdout is not None
    address = re.search(r"http://\S+", studio.stdout.readline())
    if browser_path is None or address is None:
        raise RuntimeError("no Chromium is installed, or the studio did not begin")
    time.sleep(2)
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 760})
        page.goto(f"{address[0]}pages/live.html")
        page.wait_for_function("() => document.getElementById('age').dataset.pictures", timeout=30_000)
        page.wait_for_timeout(3000)
        page.evaluate(COLLECT)
        page.wait_for_timeout(1000 * seconds)
        found: dict[str, list[float]] = page.evaluate("() => window.found")
        browser.close()
    return found


def publish(rate_hz: float, size: Sequence[int]) -> None:
    """Publishes pictures and answers until it is killed."""
    rclpy.init()
    node: Any = rclpy.create_node("robot")
    pictures = node.create_publisher(Image, "image_raw", image_qos("best_effort"))
    answers = node.create_publisher(ActivityArray, "activity", result_qos())
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    best = [ActivityHypothesis(label=label, class_id=n, score=0.6 - 0.2 * n) for n, label in enumerate("abc")]
    activity = Activity(subject_id="p1", status=Activity.STATUS_VALID, label="a", score=0.6, hypotheses=best)
    message, number = fill(Image(), scene), 0
    next_s = time.monotonic()
    while True:
        next_s += 1 / rate_hz
        time.sleep(max(next_s - time.monotonic(), 0))
        number += 1
        message = fill(Image(), np.roll(scene, 8 * number, 1))
        message.header.stamp = node.get_clock().now().to_msg()
        pictures.publish(message)
        answers.publish(ActivityArray(header=message.header, activities=[activity]))


if __name__ == "__main__":
    sys.exit(main())
