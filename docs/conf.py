"""Settings of the documentation's site: `make docs`, or rosdoc2 on the build farm of ROS."""

from __future__ import annotations

import re
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
highlight_language = "none"  # of blocks of commands, as on GitHub

html_theme = "furo" if find_spec("furo") else "alabaster"
html_title = f"co_perception {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_favicon = "_static/icon.svg"
html_theme_options: dict[str, Any] = {"navigation_with_keys": True}

autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = "signature"
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]  # types that signatures name without their module
# The build farm has what package.xml names; what it does not have is left out of the pages of the API.
autodoc_mock_imports = [name for name in ("torch", "onnxruntime", "safetensors") if find_spec(name) is None]
python_use_unqualified_type_names = True

# Files of the repository's root that are pages of the site, by the name of the page.
PAGES_OF_THE_ROOT = {"readme": "README.md", "contributing": "CONTRIBUTING.md", "vulnerabilities": "SECURITY.md"}


def pages_of_the_root(app: Any, docname: str, source: list[str]) -> None:
    """Takes these pages from the root, leads links to the site's own pages, and marks what is printed as text."""
    text = source[0]
    if docname in PAGES_OF_THE_ROOT:
        text = (ROOT / PAGES_OF_THE_ROOT[docname]).read_text()
        text = re.sub(r"\]\((?!https://|#)", "](../", text).replace("](../docs/", "](")
        text = text.replace("# co_perception\n", "# README\n", 1) if docname == "readme" else text
    for page, file in PAGES_OF_THE_ROOT.items():
        text = text.replace(f"](../{file}", f"]({page}.md")
    text = text.replace("](../CHANGELOG.rst)", "](changelog.rst)")
    # Commands are wrapped where they are longer than a line, and what is printed in columns is not: site.css.
    source[0] = re.sub(r"^(<!-- output -->\n```)$", r"\1text", text, flags=re.MULTILINE)


def plain_text(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Makes reStructuredText of a docstring, which is plain text: `names`, (B, C, *space), and indented examples."""
    text = "\n".join(lines)
    parts = re.split(r"(`+[^`]+`+)", text)
    for number, part in enumerate(parts):
        code = number % 2 == 1
        parts[number] = f"``{part.strip('`')}``" if code else re.sub(r"([*|@]|(?<=\w)_(?!\w))", r"\\\1", part)
    found: list[str] = []
    for line in "".join(parts).split("\n"):
        paragraph = next((each for each in reversed(found) if each.strip()), "")
        indent, before = (len(each) - len(each.lstrip()) for each in (line, paragraph))
        begins = bool(line.strip()) and bool(found) and not found[-1].strip() and indent >= before + 4
        if begins and not line.lstrip().startswith(">>>"):
            found += [" " * before + ".. code-block:: text", ""]  # as it stands: it may have columns
        found.append(line)
    lines[:] = found


def setup(app: Any) -> None:
    """Connects the events."""
    app.connect("autodoc-process-docstring", plain_text, priority=100)  # before napoleon reads its sections
    app.connect("source-read", pages_of_the_root)
