"""Annotations: labeled intervals, readers (tables, ELAN, WebVTT, ROS topics), and their assignment to subjects."""
