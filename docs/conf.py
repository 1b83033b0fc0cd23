"""Settings of the documentation's site: `make docs`, or rosdoc2 on the build farm of ROS."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

project = "co_perception"
author = "co_perception contributors"
project_copyright = "co_perception contributors, Apache-2.0"
version = release = ElementTree.parse(ROOT / "package.xml").findtext("version") or ""

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]

myst_heading_anchors = 3
myst_url_schemes = ["https", "mailto"]
# The blocks of commands are of several kinds, and outputs among them: no language, as on GitHub.
highlight_language = "none"

html_theme = "furo" if find_spec("furo") else "alabaster"
html_title = f"co_perception {version}"
html_static_path: list[str] = []
html_theme_options: dict[str, Any] = {"navigation_with_keys": True}

autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = "signature"
# The build farm has what package.xml names; what it does not have is left out of the pages of the API.
autodoc_mock_imports = [name for name in ("torch", "onnxruntime", "safetensors") if find_spec(name) is None]
python_use_unqualified_type_names = True

# Pages of the repository's root, which are pages of the site under these names.
PAGES_OF_THE_ROOT = {
    "../README.md": "readme.md",
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.rst": "changelog.md",
}


def links_to_the_root(app: Any, docname: str, source: list[str]) -> None:
    """Leads links between pages to the site's own; those to other files of the repository become downloads."""
    for path, page in PAGES_OF_THE_ROOT.items():
        source[0] = source[0].replace(f"]({path}", f"]({page}")


def setup(app: Any) -> None:
    """Connects the events."""
    app.connect("source-read", links_to_the_root)
