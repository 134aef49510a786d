"""Inference: the only room that knows llama.cpp.

It knows tokens and logits; what is thinking and what is answer is decided in `replies`.
"""
