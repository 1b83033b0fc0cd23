"""The local store of published weights and sample data, fetched with checksums."""
