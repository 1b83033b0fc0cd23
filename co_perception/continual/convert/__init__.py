"""Conversion of plain torch networks to continual ones."""
