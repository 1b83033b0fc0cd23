"""Streaming human-activity perception for robots. Importing this needs neither ROS nor torch."""

from pkgutil import extend_path

__version__ = "0.1.0"

# From a source checkout, `co_perception.msg` lies in the installed package: both are one package.
__path__ = extend_path(__path__, __name__)
