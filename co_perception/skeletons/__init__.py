"""Skeletons: joint layouts, the graphs of their joints, and bones. Knows numpy and nothing else."""
