"""One reply, from settings to events: prompt, limits, loops, and the form of the answer.

Many replies to one question belong to `voting`; storing them belongs to `sessions`.
"""
