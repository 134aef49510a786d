"""What happens while something goes on: closed unions of frozen dataclasses.

Whoever makes events (`replies`, `voting`, `hub`) and whoever shows them (`ui`) meets here.
"""
