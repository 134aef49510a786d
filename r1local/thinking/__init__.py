"""Separating thinking from the answer: tags, limits and loops. Knows text, but no model."""
