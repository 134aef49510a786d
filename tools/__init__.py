"""Programs that make parts of the repository: documents, and the embedded model."""
