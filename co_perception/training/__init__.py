"""Training of the networks: what every learner's `fit` stands on."""
