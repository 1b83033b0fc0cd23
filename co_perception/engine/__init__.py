"""The interfaces every tool of this package speaks: data in, targets out, learners between. NumPy only.

The names are OpenDR's (`Image`, `Video`, `Category`, `Learner.infer` ...), so that code written against that toolkit
finds its way; what is added is what a stream needs and a clip does not: stamps, rates, and how far a target can be
trusted (`Status`, `progress`, `delay`).
"""
