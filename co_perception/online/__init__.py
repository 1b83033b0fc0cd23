"""Online recognition without torch and without ROS: frame pacing, people, crops, fusion and events."""
