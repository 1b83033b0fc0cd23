"""Training and evaluation of the shipped models and of comparisons: `python -m recipes.NAME`, say `recipes.poses`."""
