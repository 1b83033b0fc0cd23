"""The list of licenses knows all dependencies, and a license that reaches what is linked with it is found."""

from __future__ import annotations

import importlib.util
import re
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("packaging")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def licenses() -> ModuleType:
    spec = importlib.util.spec_from_file_location("licenses", ROOT / "tools/licenses.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "viral"),
    [
        ("GPL-2.0-only", True), ("GNU General Public License v3 (GPLv3)", True), ("AGPL-3.0", True), ("SSPL-1.0", True),
        ("LGPL-2.1", False), ("GNU Lesser General Public License v3", False), ("Apache-2.0 AND MIT", False),
    ],
)  # fmt: skip
def test_licenses_that_reach_others_are_known_by_name(licenses: ModuleType, text: str, viral: bool) -> None:
    assert bool(licenses.VIRAL.search(text)) == viral


def test_the_page_has_every_range_of_setup_and_nothing_without_a_license(licenses: ModuleType) -> None:
    rows = re.findall(r"^\| ([\w.-]+) \| \S+ \| (.*?) \| (.*?) \|$", (ROOT / "docs/licenses.md").read_text(), re.M)
    listed = {name: license for name, license, _ in rows if name != "package"}
    ranges = re.findall(r'^\s+"([A-Za-z][\w.-]*)(?:\[\w+\])?[<>=]', (ROOT / "setup.py").read_text(), re.M)
    assert len(ranges) > 30
    missing = {licenses.canonical(name) for name in ranges} - listed.keys()
    assert missing <= {"atheris", "coverage", "furo", "myst-parser", "pytest-cov", "sphinx"}, (
        "which make env does not install"
    )
    assert not [name for name, license in listed.items() if license in ("", "?")]


class Package(metadata.Distribution):
    """A package with this record."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: object) -> Path:
        return Path()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["License-Expression: MIT", "License: all of a long text"], "MIT"),
        (["License: BSD", "Classifier: License :: OSI Approved :: MIT License"], "BSD"),
        (["Classifier: License :: OSI Approved :: MIT License"], "MIT License"),
        ([], "Apache License 2.0"),
    ],
)
def test_the_records_of_pip_are_read_in_all_their_forms(licenses: ModuleType, lines: list[str], expected: str) -> None:
    package = Package("\n".join(["Metadata-Version: 2.4", "Name: ros-things", "Version: 1", *lines]) + "\n")
    assert licenses.license_of(package, {"things": "Apache License 2.0"}) == expected


def test_manifests_of_ros_packages_are_read(licenses: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "std_msgs").mkdir()
    (tmp_path / "std_msgs/package.xml").write_text("<package><license>Apache License 2.0</license></package>")
    assert licenses.ros_manifests(tmp_path) == {"std-msgs": "Apache License 2.0"}
