"""The ROS 2 face: lifecycle nodes, and the helpers that keep their callbacks short. `rclpy` is imported here only.

Files without ROS in them (`annotate`, `images`, `mailbox`, `optional`, `pacing`, `playback`, `recognition`, `silence`,
`tally`, `video_source`) are tested without it; the rest turns what they say into messages, parameters and timers.
"""
