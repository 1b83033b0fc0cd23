"""Data from files, recordings, messages and cameras, as images, clips and labeled samples."""
