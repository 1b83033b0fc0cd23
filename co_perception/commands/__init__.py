"""Commands of `co-perception`, a file each. Slow modules are imported when a command runs."""
