"""Interfaces of all tools of this package: data, targets, learners, settings. NumPy only.

The names are those of OpenDR (`Image`, `Video`, `Category`, `Learner.infer` ...). Streams add stamps, rates, and how
far a target can be trusted (`Status`, `progress`, `delay`).
"""
