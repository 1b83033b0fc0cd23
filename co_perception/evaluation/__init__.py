"""Evaluation of recorded or live runs: prediction records, metrics, plots and reports. Imports no learners."""
