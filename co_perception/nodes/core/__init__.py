"""What all ROS 2 nodes of the package share: lifecycle, parameters, QoS, diagnostics, messages, worker thread."""
