"""Streaming human-activity perception for robots. Importing this needs neither ROS nor torch."""

from pathlib import Path
from pkgutil import extend_path
from typing import Any

# From a source checkout, `co_perception.msg` lies in the installed package: both are one package.
__path__ = extend_path(__path__, __name__)


def __getattr__(name: str) -> Any:
    """`__version__`: that of package.xml, beside the checkout or where colcon put it, or of what pip installed."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version
    from xml.etree import ElementTree

    parents = Path(__file__).parents
    manifests = [parents[1] / "package.xml", *(parent / "share" / __name__ / "package.xml" for parent in parents)]
    found = next((path for path in manifests if path.is_file()), None)
    return ElementTree.parse(found).findtext("version") if found else version(__name__)
