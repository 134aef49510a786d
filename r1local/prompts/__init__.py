"""Turning a conversation into a prompt: chat templates, their sandbox, documents."""
