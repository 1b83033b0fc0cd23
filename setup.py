"""The pip face of co_perception: the core that runs without ROS, for notebooks, training and tests.

colcon does not use this file. package.xml declares the build type ament_cmake, so in a ROS 2 workspace
CMakeLists.txt installs the same Python package together with its messages, nodes and launch files.
`make env` uses it, editable, for the requirements and for the command `co-perception`.
"""

from pathlib import Path

from setuptools import find_packages, setup

VIDEO = [
    "av>=14",  # decodes and encodes files and streams
    "opencv-python-headless>=4.9",  # resizes and draws
]
ROS = [  # beside a ROS 2, which does not come through pip: bags without a middleware
    "mcap>=1.2",
    "mcap-ros2-support>=0.5.5",
    "pyyaml>=6",
    "rosbags>=0.10.6",
]
BENCH = [
    "matplotlib>=3.8",
    "rich>=13",
]
DEV = [
    "catkin_pkg>=1.0",
    "hypothesis>=6.100",
    "mypy>=1.15",
    "pytest>=8",
    "pytest-timeout>=2.3",
    "ruff>=0.12",
    "types-PyYAML>=6",
]

setup(
    name="co_perception",
    version="0.1.0",
    description="Streaming human-activity perception for robots, with continual networks",
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="co_perception maintainers",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["co_perception", "co_perception.*"]),
    package_data={"co_perception": ["py.typed", "labels/*.txt"]},
    install_requires=["numpy>=1.26", "safetensors>=0.4.5", "torch>=2.6"],
    extras_require={"video": VIDEO, "ros": ROS, "bench": BENCH, "dev": DEV},
    entry_points={"console_scripts": ["co-perception = co_perception.cli:main"]},
)
