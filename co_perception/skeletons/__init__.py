"""Skeletons: joint layouts and their graphs, conversion, normalization, and input streams. NumPy only."""
