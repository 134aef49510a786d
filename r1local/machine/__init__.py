"""This machine: its processors and memory, and which models fit where."""
