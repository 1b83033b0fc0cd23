"""The soak test: all nodes on looping video for hours, held to limits (`python -m co_perception.nodes.soak`)."""
