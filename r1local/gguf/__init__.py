"""GGUF files: their format, their header, whether they are sound, and what their names say.

What a model needs of memory is in `machine.memory`; running it is `engine`'s.
"""
