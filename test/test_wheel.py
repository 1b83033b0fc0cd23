"""Wheel and sdist: what is in them, and that the wheel works with NumPy, ONNX Runtime and safetensors alone."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("setuptools")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SOURCES = ("co_perception", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "package.xml",
           "CHANGELOG.rst", "CITATION.cff")  # fmt: skip
NEEDED = ("numpy", "onnxruntime", "safetensors")


def built(kind: str, source: Path, out: Path) -> Path:
    """A wheel or sdist of a folder, made by the build backend as pip calls it, without a network."""
    code = f"import sys; from setuptools import build_meta; print(build_meta.build_{kind}(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(out)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return out / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, and the wheel that is made from it."""
    folder = tmp_path_factory.mktemp("packed")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    sdist = built("sdist", source, folder)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    [unpacked] = (folder / "unpacked").iterdir()
    return {"sdist": sdist, "wheel": built("wheel", unpacked, folder)}


def test_they_have_the_version_of_package_xml_and_all_files(packed: dict[str, Path]) -> None:
    version = ElementTree.parse(ROOT / "package.xml").findtext("version")
    assert packed["wheel"].name == f"co_perception-{version}-py3-none-any.whl"
    with zipfile.ZipFile(packed["wheel"]) as wheel:
        names = set(wheel.namelist())
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "co_perception").rglob("*")
             if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    assert files - names == set(), "of the package and not in the wheel"
    assert not [name for name in names - files if not name.split("/")[0].endswith(".dist-info")]
    assert {"co_perception/models/cotcn_everyday/bundle/bundle.json", "co_perception/py.typed"} <= names
    assert packed["wheel"].stat().st_size < 10e6


def test_the_wheel_runs_the_readme_with_three_packages(packed: dict[str, Path], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "fresh")], check=True)
    [site] = (tmp_path / "fresh/lib").glob("python*/site-packages")
    with zipfile.ZipFile(packed["wheel"]) as wheel:
        wheel.extractall(site)
    for name in NEEDED:  # of the environment that tests, and nothing else of it
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        folder = Path(spec.origin).parent
        for path in (folder, folder.with_name(f"{name}.libs")):
            if path.exists():
                (site / path.name).symlink_to(path)
    example = [
        str(tmp_path / "fresh/bin/python"),
        "-I",
        str(ROOT / "tools/ci/readme_example.py"),
        str(ROOT / "README.md"),
    ]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(example, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    where = "import co_perception; print(co_perception.__file__, co_perception.__version__)"
    shown = subprocess.run([example[0], "-I", "-c", where], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert str(site) in shown.stdout
