"""Figures with matplotlib: timelines of runs, and time series."""
