"""The HTML report of an evaluation: tables, timelines and SVG charts, without dependencies."""
