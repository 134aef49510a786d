"""What tests and tools share: models, home directories, servers and terminals."""
