"""Telling people who look elsewhere: notifications, the terminal's title, its progress bar.

What is written on the terminal's screen belongs elsewhere in `ui`.
"""
