"""Events of everything that takes time, as closed unions of frozen dataclasses.

The rooms that produce events (`replies`, `voting`, `hub`) and the one that shows them (`ui`)
have only these in common.
"""
