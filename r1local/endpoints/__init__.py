"""Engines on servers elsewhere: what such servers are called, can do and say, and how they fail.

The endpoints that a user has are in `config.endpoints`; what an engine is, in `replies.engine`.
"""
