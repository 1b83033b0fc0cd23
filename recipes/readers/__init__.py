"""Readers of the data sets that only the recipes use, and the simulated camera of `recipes.motions`."""
