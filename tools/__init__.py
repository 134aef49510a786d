"""Programs that make what the repository holds: documents, and the embedded model."""
