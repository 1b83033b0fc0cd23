"""Lists the licenses of all installed dependencies: `python tools/licenses.py --docs docs/licenses.md`.

They are read from the records of pip, and of ROS packages from their package.xml. Ends with status 1 where a package
that is needed to run has a license that reaches what is linked with it (GPL, AGPL, SSPL), or none that is known.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

from packaging.requirements import Requirement

NAME = "co_perception"
VIRAL = re.compile(r"(?<!L)(?<!Lesser )(GPL|General Public)|AGPL|Affero|SSPL|Server Side Public", re.IGNORECASE)
BEGIN, END = "<!-- begin of tools/licenses.py -->", "<!-- end -->"
TOOLS = {"coverage", "dev", "docs", "fuzz", "bench"}  # extras of nobody who only uses the package
# What the records leave out or say in another way, by the files in the packages themselves.
KNOWN = {
    "apsw": "any OSI license, by choice (SQLite: public domain)",
    "av": "BSD-3-Clause; FFmpeg in its wheels, with x264 and x265, GPL-2.0-or-later",
    "docutils": "Public Domain, BSD-2-Clause; one Emacs mode GPL",
    "kiwisolver": "BSD-3-Clause",
    "matplotlib": "Matplotlib License (of the kind of PSF-2.0)",
    "opencv-python-headless": "Apache-2.0; FFmpeg in its wheels LGPL-2.1",
    "ros-fastcdr": "Apache-2.0",
    "ros-fastdds": "Apache-2.0",
    "ros-wheels-bootstrapper": "Apache-2.0",
    "scipy": "BSD-3-Clause; its libgfortran GPL-3.0 with GCC's runtime exception",
    "setuptools": "MIT",
}


def canonical(name: str) -> str:
    """The name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def license_of(package: metadata.Distribution, manifests: Mapping[str, str]) -> str:
    """The license in the package's own words; empty where it says none."""
    record = package.metadata
    name = canonical(record["Name"])
    classified = [
        each.split(" :: ")[-1] for each in record.get_all("Classifier") or [] if each.startswith("License ::")
    ]
    stated = (record.get("License") or "").strip()
    short = stated if stated and "\n" not in stated and len(stated) < 60 else ""
    found = KNOWN.get(name) or record.get("License-Expression") or short or "; ".join(classified)
    return found or manifests.get(name.removeprefix("ros-"), "")


def ros_manifests(share: Path) -> dict[str, str]:
    """Licenses of the ROS packages that are installed in a prefix, by their name with hyphens."""
    found = {}
    for path in share.glob("*/package.xml"):
        licenses = [each.text or "" for each in ElementTree.parse(path).iter("license")]
        found[canonical(path.parent.name)] = ", ".join(licenses)
    return found


def needed_by(extra: str, installed: Mapping[str, metadata.Distribution]) -> set[str]:
    """Names of the packages that an extra brings, with all that they need, as far as they are installed."""
    found: set[str] = set()
    waiting = [(NAME, extra)]
    while waiting:
        name, of = waiting.pop()
        for text in installed[canonical(name)].requires or [] if canonical(name) in installed else []:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": of}):
                continue
            key = canonical(requirement.name)
            if key in installed and key not in found:
                found.add(key)
                waiting += [(key, each) for each in ("", *requirement.extras)]
    return found


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; the first row is its head."""
    head, *rest = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * (head.count(" | ") + 1), *rest])


def main() -> int:
    """Prints the table or writes it into a page; the exit status says whether all may be used."""
    parser = argparse.ArgumentParser(description="Lists the licenses of all installed dependencies.")
    parser.add_argument("--docs", type=Path, metavar="PAGE", help="writes the table between the marks in this page")
    options = parser.parse_args()
    installed = {canonical(each.metadata["Name"]): each for each in metadata.distributions()}
    manifests = ros_manifests(Path(sys.prefix) / "share")
    extras = ["", *(installed[canonical(NAME)].metadata.get_all("Provides-Extra") or [])]
    used: dict[str, list[str]] = defaultdict(list)
    for extra in extras:
        for name in needed_by(extra, installed) - (needed_by("", installed) if extra else set()):
            used[name].append(extra or "always")
    found = {name: license_of(installed[name], manifests) for name in sorted(used)}
    rows = [("package", "version", "license", "extras")]
    rows += [(name, installed[name].version, found[name] or "?", ", ".join(used[name])) for name in found]
    text = table(rows)
    if options.docs:
        before, _, rest = options.docs.read_text().partition(BEGIN)
        options.docs.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")
    else:
        print(text)
    to_run = [name for name in found if not set(used[name]) <= TOOLS]
    refused = [name for name in to_run if name not in KNOWN and (not found[name] or VIRAL.search(found[name]))]
    for name in refused:
        print(f"{name}: {found[name] or 'no license is known'}", file=sys.stderr)
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main())
