"""Studio: a local web application in which recordings are looked at and annotated."""
