"""Readers of labeled data sets in their authors' formats; `registry.open_samples` opens any of them."""
