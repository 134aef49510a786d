"""Models by name: which there are, which one is meant, where its file is, and loading it.

What is inside a file is `gguf`'s concern, what is on the hub `hub`'s.
"""
