"""What the chat's full screen is made of: panes, their items, the input and the status line.

What the chat does is in the package `chat`.
"""
