"""Markdown as it streams in, and the formulas in it, as rows of a terminal."""
