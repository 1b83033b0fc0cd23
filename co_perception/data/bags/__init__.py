"""Readers of ROS 2 recordings without ROS: messages, frames for a recognizer, and labeled samples."""
