"""The targets, one file for each kind of outside data."""
