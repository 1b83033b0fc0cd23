"""Training of the networks: examples, loop, checkpoints, augmentation and search; `fit` of every learner uses it."""
