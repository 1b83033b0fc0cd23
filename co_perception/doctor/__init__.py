"""Checks of what reaches the recognizers: each names one fault in plain words, and its remedy."""
