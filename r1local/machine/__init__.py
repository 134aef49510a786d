"""This machine: its processors and memory, and what of a model fits where."""
