"""The models on this machine: in the Hugging Face cache, Ollama's, LM Studio's, and the user's.

The folders of those programs are the index; there is no second one.
"""
