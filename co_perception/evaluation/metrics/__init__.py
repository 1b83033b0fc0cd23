"""Figures of merit, one idea per file; docs/evaluation.md says what each one means and counts."""
