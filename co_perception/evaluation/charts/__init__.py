"""Charts of the report as SVG: pure functions from figures to markup."""
