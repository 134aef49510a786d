"""This machine: its processors and memory, which models fit where, and what is fastest there."""
