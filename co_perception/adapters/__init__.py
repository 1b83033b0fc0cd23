"""Structured pruning adapters: one frozen source network, many small derived ones.

After Hedegaard, Alok, Jose and Iosifidis, "Structured Pruning Adapters", Pattern Recognition 2024, arXiv:2211.10155.
`forms` are the changes of a weight by few numbers, `attach` gives a network such changes, `coupling` finds the channels
that are removed together, `selection` decides which are retained, `groups` removes the others, and `file` stores what
differs from the source.
"""
