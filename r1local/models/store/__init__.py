"""The models on this machine: of Hugging Face's cache, Ollama, LM Studio, and the user.

The folders of these programs are the only index.
"""
