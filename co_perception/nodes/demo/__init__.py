"""The demo: all nodes in one process over a video, with a report (`python -m co_perception.nodes.demo`)."""
