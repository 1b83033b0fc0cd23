"""Structured pruning adapters: one frozen source network, many small derived ones.

After Hedegaard, Alok, Jose and Iosifidis, "Structured Pruning Adapters", Pattern Recognition 2024, arXiv 2211.10155.
`forms` says how a weight is changed by few numbers, `attach` gives a network such changes, `coupling` finds the
channels that go together, `importance` and `choice` decide which stay, `mask` and `resize` take the others away, and
`file` keeps what differs from the source.
"""
