"""What tests and tools share: models, homes, servers and terminals made for the purpose."""
