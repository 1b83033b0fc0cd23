"""Coverage-guided fuzzing of one parser with atheris: `python -m fuzz.run TARGET --seconds 600`.

New inputs that reach new branches go to out/fuzz/TARGET, findings to out/fuzz/findings; test/corpus is where it begins.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUT = ROOT / "out/fuzz"
CORPUS = ROOT / "test/corpus"
# Packages whose branches guide the search; what is compiled is blind to it.
INSTRUMENTED = (
    "co_perception", "recipes", "rosbags.highlevel", "rosbags.rosbag2", "rosbags.serde", "rosbags.typesys.idl",
    "rosbags.typesys.msg", "rosbags.typesys.peg", "rosbags.typesys.store", "ruamel", "yaml",
)  # fmt: skip
HEADROOM_MIB = 1024  # of address space; what a target may allocate, and what the libraries keep
ROUND_S = 120  # then another process goes on: atheris keeps the outcome of every comparison of arrays


def main() -> int:
    """Runs one target; the exit status is not 0 where it finds something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--most-bytes", type=int, default=8192, help="length of the longest input that is tried")
    parser.add_argument("--round", action="store_true", help="in this one process")
    chosen = parser.parse_args()
    if chosen.round:
        _round(chosen.target, chosen.seconds, chosen.most_bytes)
        return 0
    end = time.monotonic() + chosen.seconds
    while (left := round(end - time.monotonic())) > 0:
        again = [sys.executable, "-m", "fuzz.run", chosen.target, "--round", "--most-bytes", str(chosen.most_bytes)]
        status = subprocess.call([*again, "--seconds", str(min(left, ROUND_S))], cwd=ROOT)
        if status:
            return status
    return 0


def _round(name: str, seconds: int, most_bytes: int) -> None:
    """In this process, which ends with it."""
    try:
        import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise ImportError(f"fuzzing needs the extra 'fuzz': pip install 'co_perception[fuzz]'. ({error})") from error
    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        from fuzz.registry import TARGETS
    import torch

    from fuzz import guard

    torch.set_num_threads(1)
    target = TARGETS[name]
    seeds, found = CORPUS / target.name, OUT / target.name
    found.mkdir(parents=True, exist_ok=True)
    (OUT / "findings").mkdir(exist_ok=True)
    for seed in sorted(seeds.glob("*")):  # what is imported when it is first needed, before memory is limited
        guard.run(target, seed.read_bytes())
    guard.limit_memory(HEADROOM_MIB)
    options = [
        f"-max_total_time={seconds}", "-timeout=600", f"-max_len={most_bytes}", "-rss_limit_mb=4096",
        f"-artifact_prefix={OUT / 'findings' / target.name}-", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], str(found), str(seeds), *options], lambda data: guard.run(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
