"""Conversion of image and skeleton messages, without ROS."""
