"""Work on untrusted data in processes with limits of memory and time.

What such a process does belongs to the room whose work it is.
"""
