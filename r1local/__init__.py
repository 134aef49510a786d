"""Think with DeepSeek-R1 on your own machine."""

__version__ = "0.1.0"
