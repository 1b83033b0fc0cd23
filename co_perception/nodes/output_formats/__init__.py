"""Message formats of other packages, of what the outputs node joins: a file for each."""
