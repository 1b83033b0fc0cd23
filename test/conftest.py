"""Settings that must stand before anything under test is imported."""

import os

# A domain of its own on this machine: a robot or a second test run near by is neither heard nor disturbed.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)

# torch reads this once, when it is imported.
os.environ["OMP_NUM_THREADS"] = "2"
