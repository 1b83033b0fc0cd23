"""What the scripts in benchmarks/ share. `steps.py` is the one that needs most of it."""
