"""As the tests of nodes: real rclpy, beside processes where something is to be killed."""

from nodes.conftest import bench as bench
from nodes.conftest import fake as fake
from nodes.conftest import make_image as make_image
from nodes.conftest import make_video as make_video
