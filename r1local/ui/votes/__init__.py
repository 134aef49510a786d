"""A vote as text on a terminal or in a pipe, and as JSON."""
