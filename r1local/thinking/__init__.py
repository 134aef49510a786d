"""Thinking apart from answer: its tags, its limits, and loops. Knows text, never a model."""
