"""Bounded readers of untrusted files: pickles, checkpoints, lengths."""
