"""Output for people and for programs.

It is made from events and plain values; no module here imports engines, sessions or models.
"""
