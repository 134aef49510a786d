"""Inference: the only room that knows llama.cpp.

It deals with tokens and logits; `replies` decides what is thinking and what is answer.
"""
