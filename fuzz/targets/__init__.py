"""Fuzz targets, one file for each kind of untrusted data."""
