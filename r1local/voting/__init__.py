"""Votes: many replies to one question, and the answer that most of them give."""
