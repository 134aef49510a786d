"""Hugging Face's hub: the only room that contacts it, and downloads from it.

What a reference to a model means there is decided in `models.remote_files`.
"""
