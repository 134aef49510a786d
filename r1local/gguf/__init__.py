"""GGUF files: their format, reading and checking their headers, and what their names mean.

How much memory a model needs is in `machine.memory`; running it is the job of `engine`.
"""
