"""What `co-perception` can do, one file per command. What takes time to import is imported when a command runs."""
