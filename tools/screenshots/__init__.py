"""Pictures of the program for README and docs: real runs on a pseudo-terminal, drawn as SVG."""
